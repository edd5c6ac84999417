"""Handshakes with a server that has etcd's flags, and what comes of them, recorded from etcd 3.7.3.

Run against ours in test_tls.py and against real etcd in tests/interop/test_tls_handshakes.py.
"""

from __future__ import annotations

import datetime
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fake_etcd.transport import certificates
from fake_etcd.transport.certificates import Authority, KeyPair

SECONDS = 5.0
"""The longest that anything may take; it takes milliseconds."""

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
CLIENTS = (
    *("alice", "bob", "expired", "not-yet", "stranger", "nameless", "for-servers"),
    *("deep", "chained", "self-signed"),
)

GROUPS: dict[str, tuple[str, ...]] = {
    "server": (),
    "mutual": ("--client-cert-auth", "--trusted-ca-file=@ca.crt"),
    "authority": ("--trusted-ca-file=@ca.crt",),
    "authority below another": ("--trusted-ca-file=@intermediate.crt",),
    "nobody's authority": ("--client-cert-auth",),
    "empty authority": ("--trusted-ca-file=@junk",),
    "revoked": ("--trusted-ca-file=@ca.crt", "--client-crl-file=@alice.crl"),
    "revoked by a stranger": ("--trusted-ca-file=@ca.crt", "--client-crl-file=@alice-other.crl"),
    "revoked above": ("--trusted-ca-file=@ca.crt", "--client-crl-file=@intermediate.crl"),
    "no list": ("--trusted-ca-file=@ca.crt", "--client-crl-file=@none"),
    "list in PEM": ("--trusted-ca-file=@ca.crt", "--client-crl-file=@junk"),
    "list for nobody": ("--client-crl-file=@none",),
    "hostname": (
        "--trusted-ca-file=@ca.crt",
        "--client-cert-allowed-hostname=x.example.com,bob.example.com",
    ),
    "hostname of nobody": ("--client-cert-allowed-hostname=bob.example.com",),
    "new": ("--tls-min-version=TLS1.3",),
    "old": ("--tls-max-version=TLS1.2",),
    "suites": (
        "--cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,"
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    ),
}
"""Flags beside the server's certificate and key; "@" stands for the folder of certificates."""


@dataclass(frozen=True, slots=True)
class Client:
    """What a client offers: the name of its certificate, version, protocols, suites of TLS 1.2."""

    certificate: str | None = None
    version: str = ""
    protocols: Sequence[str] = ("h2", "http/1.1")
    suites: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A handshake.

    Args:
        group: a key of `GROUPS`.
        client: who makes it.
        seen: what it sees: version, suite (of 1.2), protocol, and what the server answers, or
            "handshake" and why that failed.
        logged: what the log says of it, a pattern; None where nothing.
        ours: what is seen of ours, where that differs.
    """

    group: str
    client: Client
    seen: tuple[str | None, ...]
    logged: str | None = None
    ours: tuple[str | None, ...] | None = None

    @property
    def is_served(self) -> bool:
        return self.logged is None


GCM, H2, HTTP1 = "ECDHE-ECDSA-AES128-GCM-SHA256", "frame 4", "HTTP/1.1 200 OK"
OLD_OK, NEW_OK = ("TLSv1.2", GCM, "h2", H2), ("TLSv1.3", None, "h2", H2)
CBC = "ECDHE-ECDSA-AES128-SHA"
NOT_VERIFIED = "tls: failed to verify certificate: x509: "
NO_CERTIFICATE = "tls: client didn't provide a certificate"
STRANGER = NOT_VERIFIED + "certificate signed by unknown authority"
EXPIRED = NOT_VERIFIED + "certificate has expired or is not yet valid(: current time .*)?"
USAGE = NOT_VERIFIED + "certificate specifies an incompatible key usage"
HOSTNAME = "client certificate authentication failed"
REVOKED = "transport: certificate serial [0-9a-f]+ revoked"


def _failing(
    group: str, certificate: str | None, alert: str, new: str, logged: str, ours: str = ""
) -> Iterator[Case]:
    """A certificate that is not taken: 1.2 fails in the handshake, 1.3 when that seems over."""
    yield Case(
        group,
        Client(certificate, "1.2"),
        ("handshake", alert),
        logged,
        ("handshake", ours) if ours else None,
    )
    yield Case(
        group,
        Client(certificate, "1.3"),
        ("TLSv1.3", None, "h2", new),
        logged,
        ("TLSv1.3", None, "h2", ours) if ours else None,
    )


def _taken(group: str, *names: str | None) -> Iterator[Case]:
    for name in names:
        yield Case(group, Client(name, "1.2"), OLD_OK)
        yield Case(group, Client(name, "1.3"), NEW_OK)


def _closed(group: str, name: str, logged: str) -> Iterator[Case]:
    """A certificate that is in order and not wanted: the handshake succeeds, and that was it."""
    yield Case(group, Client(name, "1.2"), ("TLSv1.2", GCM, "h2", "closed"), logged)
    yield Case(group, Client(name, "1.3"), ("TLSv1.3", None, "h2", "closed"), logged)


def _without(group: str) -> Iterator[Case]:
    yield from _failing(group, None, "handshake failure", "certificate required", NO_CERTIFICATE)


def _old(group: str, suites: str, *seen: str | None, logged: str | None = None) -> Case:
    protocols = ("h2",) if "h2" in seen or logged else ()
    return Case(group, Client(None, "1.2", protocols, suites), seen, logged)


CASES: tuple[Case, ...] = (
    *_taken("server", None, "alice"),
    Case("server", Client(), NEW_OK),
    Case("server", Client(protocols=("http/1.1",)), ("TLSv1.3", None, None, HTTP1)),
    Case("server", Client(protocols=("foo", "http/1.1")), ("TLSv1.3", None, None, HTTP1)),
    Case("server", Client(protocols=()), ("TLSv1.3", None, None, HTTP1)),
    Case("server", Client(protocols=(), version="1.2"), ("TLSv1.2", GCM, None, HTTP1)),
    *(
        Case(
            "server",
            Client(version=version, protocols=("foo", 'b"r')),
            ("handshake", "no application protocol"),
            r'tls: client requested unsupported application protocols \(\["foo" "b\\"r"\]\)',
        )
        for version in ("1.2", "1.3")
    ),
    _old("server", CBC, "TLSv1.2", CBC, None, HTTP1),
    _old("server", CBC, "TLSv1.2", CBC, "h2", "frame 7"),
    _old(
        "server",
        "AES128-GCM-SHA256",
        "handshake",
        "handshake failure",
        logged=r"tls: no cipher suite supported by both client and server; client offered: \[9c.*",
    ),
    *(
        _old("server", f"ECDHE-ECDSA-{one}:{GCM}", "TLSv1.2", chosen, "h2", H2)
        for one, chosen in (
            ("CHACHA20-POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305"),
            ("AES256-GCM-SHA384", GCM),
        )
    ),
    *_taken("mutual", "alice", "bob", "nameless", "chained"),
    *_without("mutual"),
    *_failing("mutual", "expired", *["certificate expired"] * 2, EXPIRED),
    *_failing("mutual", "not-yet", *["certificate expired"] * 2, EXPIRED, "bad certificate"),
    *_failing("mutual", "stranger", *["unknown ca"] * 2, STRANGER),
    *_failing("mutual", "for-servers", *["bad certificate"] * 2, USAGE, "unsupported certificate"),
    *_failing("mutual", "deep", *["unknown ca"] * 2, STRANGER),
    *_failing("mutual", "self-signed", *["unknown ca"] * 2, STRANGER),
    *_taken("authority", "alice"),
    *_without("authority"),
    *_taken("authority below another", "deep", "chained"),
    *_failing("authority below another", "alice", *["unknown ca"] * 2, STRANGER),
    *_without("nobody's authority"),
    *_failing("nobody's authority", "alice", *["unknown ca"] * 2, STRANGER),
    *_without("empty authority"),
    *_failing("empty authority", "alice", *["unknown ca"] * 2, STRANGER),
    *_closed("revoked", "alice", REVOKED),
    *_taken("revoked", "bob", "chained"),
    *_without("revoked"),
    *_closed("revoked by a stranger", "alice", REVOKED),
    *_closed("revoked above", "chained", REVOKED),
    *_taken("revoked above", "bob"),
    *_closed("no list", "bob", "open .*/none: no such file or directory"),
    *_closed("list in PEM", "bob", "x509: malformed crl"),
    *_taken("list for nobody", None, "alice"),
    *_taken("hostname", "bob"),
    *_without("hostname"),
    Case("hostname", Client("alice", "1.2"), ("handshake", "bad certificate"), HOSTNAME),
    Case(
        "hostname",
        Client("alice", "1.3"),
        ("TLSv1.3", None, "h2", "bad certificate"),
        HOSTNAME,
        # OpenSSL would have to be told to send an alert that it has no reason for.
        ("TLSv1.3", None, "h2", "closed"),
    ),
    *_taken("hostname of nobody", None, "bob"),
    Case("new", Client(version="1.3"), NEW_OK),
    Case(
        "new",
        Client(version="1.2"),
        ("handshake", "protocol version"),
        r"tls: client offered only unsupported versions: \[303( 302 301)?\]",
    ),
    Case("old", Client(version="1.2"), OLD_OK),
    Case(
        "old",
        Client(version="1.3"),
        ("handshake", "protocol version"),
        r"tls: client offered only unsupported versions: \[304\]",
    ),
    Case("suites", Client(version="1.2"), OLD_OK),
    Case("suites", Client(version="1.3"), NEW_OK),
    _old("suites", "ECDHE-ECDSA-AES256-SHA", "TLSv1.2", "ECDHE-ECDSA-AES256-SHA", "h2", "frame 7"),
    _old(
        "suites",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "handshake",
        "handshake failure",
        logged=r"tls: no cipher suite supported by both .*; client offered: \[c02c.*",
    ),
)


GARBAGE: tuple[tuple[bytes, bytes, str], ...] = (
    (b"GET / HTTP/1.1\r\n\r\n", b"", "tls: first record does not look like a TLS handshake"),
    (PREFACE, b"", "tls: first record does not look like a TLS handshake"),
    (b"\0" * 64, b"", "tls: first record does not look like a TLS handshake"),
    (b"hello", b"", "tls: first record does not look like a TLS handshake"),
    (
        b"\x16\x03\x01\x00\x10" + b"\xff" * 16,
        b"\x02\x50",
        "tls: handshake message of length 16777215 bytes exceeds maximum of 65536 bytes",
    ),
    (
        b"\x80\x2e\x01\x03\x01" + b"\0" * 60,
        b"\x02\x46",
        "tls: unsupported SSLv2 handshake received",
    ),
)
"""What is no TLS, the alert that answers it (level and description), and what the log says."""


def flags_of(group: str, folder: Path) -> list[str]:
    """A group's flags, with the server's certificate."""
    given = ("--cert-file=@server.crt", "--key-file=@server.key", *GROUPS[group])
    return [flag.replace("@", f"{folder}/") for flag in given]


# Certificates


def write_certificates(folder: Path) -> None:
    """Everything that `GROUPS` and `CASES` name."""
    ca, other = certificates.new_authority(), certificates.new_authority("other")
    (folder / "ca.crt").write_bytes(ca.certificate)
    (folder / "junk").write_bytes(b"-----hello-----\n")
    intermediate = issued(ca, "intermediate", is_authority=True)
    under = Authority(intermediate.certificate, intermediate.key)
    deep = under.client("deep")
    pairs = {
        "server": ca.server(["localhost", "127.0.0.1"]),
        "intermediate": intermediate,
        "alice": ca.client("alice"),
        "bob": ca.client("bob", ["bob.example.com"]),
        "expired": ca.client("expired", lifetime=certificates.EXPIRED),
        "not-yet": ca.client("not-yet", lifetime=certificates.NOT_YET),
        "stranger": other.client("alice"),
        "nameless": ca.client("", ["somebody"]),
        "for-servers": issued(ca, "for-servers", usage=ExtendedKeyUsageOID.SERVER_AUTH),
        "deep": deep,
        "chained": KeyPair(deep.certificate + intermediate.certificate, deep.key),
        "self-signed": certificates.self_signed(["self-signed"]),
    }
    for name, pair in pairs.items():
        (folder / f"{name}.crt").write_bytes(pair.certificate)
        (folder / f"{name}.key").write_bytes(pair.key)
    alice = [pairs["alice"].serial_number]
    (folder / "alice.crl").write_bytes(ca.revocation_list(alice))
    (folder / "alice-other.crl").write_bytes(other.revocation_list(alice))
    above = ca.revocation_list([intermediate.serial_number])
    (folder / "intermediate.crl").write_bytes(above)


def issued(
    authority: Authority,
    common_name: str,
    *,
    is_authority: bool = False,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
) -> KeyPair:
    """A certificate of a kind that nobody wants but a test."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    signer = serialization.load_pem_private_key(authority.key, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    )
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    made = builder.sign(signer, hashes.SHA256())
    return KeyPair(
        made.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


# Clients


def context_of(client: Client, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(folder / "ca.crt")
    if client.certificate is not None:
        name = client.certificate
        context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    if client.version:
        version = ssl.TLSVersion[f"TLSv{client.version.replace('.', '_')}"]
        context.minimum_version = context.maximum_version = version
    if client.protocols:
        context.set_alpn_protocols(list(client.protocols))
    if client.suites:
        context.set_ciphers(client.suites)
    return context


def outcome(
    port: int, client: Client, folder: Path, *, says_something: bool
) -> tuple[str | None, ...]:
    """What a client sees.

    Args:
        says_something: whether it says anything behind its handshake. Where the server refuses it
            then, what it says might make the system forget what the server said.
    """
    with socket.create_connection(("127.0.0.1", port), SECONDS) as plain:
        try:
            wrapped = context_of(client, folder).wrap_socket(plain, server_hostname="localhost")
        except ssl.SSLError as error:
            return "handshake", _alert(error)
        with wrapped as encrypted:
            cipher = encrypted.cipher()
            suite = cipher[0] if cipher and encrypted.version() == "TLSv1.2" else None
            protocol = encrypted.selected_alpn_protocol()
            version = encrypted.version()  # which is forgotten when the server refuses
            return version, suite, protocol, _answer(encrypted, protocol, says_something)


def _answer(encrypted: ssl.SSLSocket, protocol: str | None, says_something: bool) -> str:
    try:
        if says_something:
            request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
            encrypted.sendall(PREFACE if protocol == "h2" else request)
        answer = encrypted.recv(15)
    except ssl.SSLError as error:
        return _alert(error)
    if not answer:
        return "closed"
    return f"frame {answer[3]}" if protocol == "h2" else answer.decode()


def _alert(error: ssl.SSLError) -> str:
    """The alert that it is about; which SSL it was first made for is no matter."""
    # Python has names for most reasons, and OpenSSL's own words for all.
    text = (error.reason or str(error)).lower().replace("_", " ")
    named = re.search(r"(?:sslv3|tlsv1|tlsv13) alert ([a-z ]+)", text)
    return named[1].strip() if named else text


def say(port: int, sent: bytes) -> bytes:
    """What answers these bytes, up to the end."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        connection.sendall(sent)
        received = b""
        try:
            while piece := connection.recv(1000):
                received += piece
        except ConnectionResetError:
            pass  # what was sent was not read to its end
        return received
