"""What a listener's TLS is to be, and what is decided for each connection; no socket, no bytes.

Certificates come from sources that are asked again for every connection, so that they can be
replaced while the server runs. Refusals have Go's words where Go has some.
etcd: client/pkg/transport/{listener,listener_tls}.go, client/pkg/tlsutil; Go: crypto/tls.
"""

from __future__ import annotations

import os
import re
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fake_etcd.transport.tls_names import matches_hostname, subject_common_name
from fake_etcd.transport.tls_suites import openssl_suites
from fake_etcd.transport.tls_transport import TlsError

Source = Callable[[], bytes]
"""Gives what a file has at the moment; raises OSError where it cannot be read."""

HANDSHAKE_SECONDS = 10.0
"""How long a handshake may take (etcd: listener_tls.go, tlsHandshakeTimeout)."""

VERSIONS = {"": None, "TLS1.2": ssl.TLSVersion.TLSv1_2, "TLS1.3": ssl.TLSVersion.TLSv1_3}
"""etcd's names of the versions; the empty one leaves the choice to the library."""

_OP_PRIORITIZE_CHACHA = 1 << 21
"""SSL_OP_PRIORITIZE_CHACHA, which `ssl` has no name for: a client that prefers ChaCha20 to AES has
its reasons, and Go gives it that, too."""

_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\r?\n.*?-----END \1-----", re.DOTALL)


class Rejected(Exception):
    """A client's certificate is in order, and is not wanted all the same; says why."""

    def __init__(self, reason: str, *, is_early: bool) -> None:
        super().__init__(reason)
        self.is_early = is_early
        """Whether Go finds this within the handshake, so that its client's one fails."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file, read anew each time."""

    path: str

    def __call__(self) -> bytes:
        return Path(self.path).read_bytes()


@dataclass(frozen=True, slots=True)
class ServerTls:
    """The TLS of a listener, as etcd's flags have it.

    Args:
        certificate: PEM, the server's certificate first, then those that lead to its CA.
        key: PEM, its private key.
        trusted_ca: PEM, the certificates that clients' ones must lead to. Given, clients have to
            show one. Read when listening begins, and not again, as in etcd.
        client_cert_auth: clients have to show a certificate; without `trusted_ca` it must lead to
            one that the system trusts.
        crl: DER, a revocation list: certificates whose serial number it has are refused, whoever
            issued them.
        allowed_hostnames: where there are any, a client's certificate must be valid for one.
        min_version: "TLS1.2" or "TLS1.3"; "" is the first.
        max_version: the same; "" is the newest.
        cipher_suites: Go's names of what TLS 1.2 may use, for example
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"; none are Go's usual ones.
        takes_plain: serve clients that begin with no handshake, too, without encryption, as etcd
            does it where an address is given with http:// and with https://.
        handshake_seconds: how long a handshake may take.
    """

    certificate: Source
    key: Source
    trusted_ca: Source | None = None
    client_cert_auth: bool = False
    crl: Source | None = None
    allowed_hostnames: tuple[str, ...] = ()
    min_version: str = "TLS1.2"
    max_version: str = ""
    cipher_suites: tuple[str, ...] = ()
    takes_plain: bool = False
    handshake_seconds: float = HANDSHAKE_SECONDS

    @property
    def asks_for_certificate(self) -> bool:
        """Whether a client has to show a certificate."""
        return self.client_cert_auth or self.trusted_ca is not None


class Acceptor:
    """Judges the connections of one listener.

    Args:
        tls: what it is to be.

    Raises:
        TlsError: nobody could connect, since the certificate, its key or the CA is not in order.
    """

    def __init__(self, tls: ServerTls) -> None:
        self.tls = tls
        self._trusted_ca = b""
        self._pair = (b"", b"")
        self._context: ssl.SSLContext | None = None
        self._crl = b""
        self._revoked: frozenset[int] = frozenset()
        self.context()
        if tls.trusted_ca is not None:
            self._trusted_ca = _read(tls.trusted_ca)
            self._context = None
            self.context()

    def context(self) -> ssl.SSLContext:
        """What a handshake that begins now goes by: the certificate is that of this moment.

        Raises:
            TlsError: the certificate or its key cannot be read, or is not in order.
        """
        pair = (_read(self.tls.certificate), _read(self.tls.key))
        context = self._context
        if context is None or pair != self._pair:
            context = _context(self.tls, *pair, self._trusted_ca)
            self._context, self._pair = context, pair
        return context

    def judge(self, session: ssl.SSLObject) -> str | None:
        """Look at what the client of a complete handshake showed.

        Returns:
            The common name of its certificate, "" where that has none; None where no certificate
            was asked for.

        Raises:
            Rejected: it is revoked, or valid for none of the hostnames.
        """
        if not self.tls.asks_for_certificate:
            return None
        certificate = session.getpeercert() or {}
        hostnames = self.tls.allowed_hostnames
        if hostnames and not any(matches_hostname(certificate, name) for name in hostnames):
            raise Rejected("client certificate authentication failed", is_early=True)
        if self.tls.crl is not None:
            self._check_revoked(self.tls.crl, _chain(session))
        return subject_common_name(certificate)

    def _check_revoked(self, source: Source, chain: Sequence[bytes]) -> None:
        from cryptography import x509  # slow to import, and few have revocation lists

        try:
            crl = _read(source)
        except TlsError as error:
            raise Rejected(str(error), is_early=False) from None
        if crl != self._crl:
            try:
                revocations = x509.load_der_x509_crl(crl)
            except ValueError:
                raise Rejected("x509: malformed crl", is_early=False) from None
            self._revoked = frozenset(each.serial_number for each in revocations)
            self._crl = crl
        for certificate in chain:
            serial = x509.load_der_x509_certificate(certificate).serial_number
            if serial in self._revoked:
                digits = serial.to_bytes((serial.bit_length() + 7) // 8, "big").hex()
                reason = f"transport: certificate serial {digits} revoked"
                raise Rejected(reason, is_early=False)


def _read(source: Source) -> bytes:
    try:
        return source()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TlsError(f"open {error.filename}: {reason}") from None


def _chain(session: ssl.SSLObject) -> list[bytes]:
    """All that the client showed, as DER, its own certificate first.

    Python 3.13 has this as `SSLObject.get_unverified_chain`; what that calls is older.
    """
    chain = session._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
    der = ssl._ssl.ENCODING_DER  # type: ignore[attr-defined]
    return [certificate.public_bytes(der) for certificate in chain or ()]


def _context(tls: ServerTls, certificate: bytes, key: bytes, trusted_ca: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[tls.min_version] or ssl.TLSVersion.TLSv1_2
    context.maximum_version = VERSIONS[tls.max_version] or ssl.TLSVersion.MAXIMUM_SUPPORTED
    # Go chooses among what the client offers, and renegotiates with nobody.
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    context.options |= _OP_PRIORITIZE_CHACHA
    # Not "http/1.1": where a client offers only that, Go chooses nothing, and goes on with it.
    context.set_alpn_protocols(["h2"])
    _load_pair(context, certificate, key)
    if tls.asks_for_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        # Go's roots may be any certificates, not only such as signed themselves.
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        # A resumed session would not have the whole chain, which the revocation list is about.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        _load_trusted(context, tls, trusted_ca)
    context.set_ciphers(openssl_suites(tls.cipher_suites))
    return context


def _load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    _check_blocks(certificate, key)
    with _as_file(certificate) as certificate_path, _as_file(key) as key_path:
        try:
            # Without a password of ours OpenSSL would ask whoever sits at the terminal.
            context.load_cert_chain(certificate_path, key_path, password=lambda: "")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise TlsError("tls: private key does not match public key") from None
            # OpenSSL 3 looks for the certificate among those of the key's type.
            if error.reason in ("KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
                raise TlsError("tls: private key type does not match public key type") from None
            raise TlsError(f"tls: failed to parse certificate or private key: {error}") from None


def _check_blocks(certificate: bytes, key: bytes) -> None:
    """Refuse what is not PEM of the right kind. Go: crypto/tls, X509KeyPair."""
    kinds = _kinds(certificate)
    if not kinds:
        raise TlsError("tls: failed to find any PEM data in certificate input")
    if "CERTIFICATE" not in kinds:
        if len(kinds) == 1 and kinds[0].endswith("PRIVATE KEY"):
            raise TlsError(
                "tls: failed to find certificate PEM data in certificate input, but did find a "
                "private key; PEM inputs may have been switched"
            )
        raise TlsError(
            'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM '
            f"blocks of the following types: [{' '.join(kinds)}]"
        )
    kinds = _kinds(key)
    if not kinds:
        raise TlsError("tls: failed to find any PEM data in key input")
    if not any(kind.endswith("PRIVATE KEY") for kind in kinds):
        if kinds == ["CERTIFICATE"]:
            raise TlsError(
                "tls: found a certificate rather than a key in the PEM for the private key"
            )
        raise TlsError(
            'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after '
            f"skipping PEM blocks of the following types: [{' '.join(kinds)}]"
        )


def _kinds(pem: bytes) -> list[str]:
    return [match[1].decode() for match in _PEM_BLOCK.finditer(pem)]


def _load_trusted(context: ssl.SSLContext, tls: ServerTls, trusted_ca: bytes) -> None:
    if tls.trusted_ca is None:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        return
    blocks = [match[0].decode("ascii", "replace") for match in _PEM_BLOCK.finditer(trusted_ca)]
    if not blocks:
        return  # nobody is trusted, which etcd does not mind
    if any(kind != "CERTIFICATE" for kind in _kinds(trusted_ca)):
        raise TlsError("x509: malformed tbs certificate")  # of a key, for one: Go tries them all
    try:
        context.load_verify_locations(cadata="\n".join(blocks))
    except ssl.SSLError as error:
        raise TlsError(f"x509: malformed certificate: {error}") from None


def check_trusted(source: Source) -> None:
    """Look at certificates that others must lead to.

    Raises:
        TlsError: they cannot be read, or are none.
    """
    tls = ServerTls(lambda: b"", lambda: b"", source)
    _load_trusted(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tls, _read(source))


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A file that only this process finds, for as long as OpenSSL reads it: it takes no bytes."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("fake-etcd-tls")
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    descriptor, path = tempfile.mkstemp(prefix="fake-etcd-tls-")  # nobody else may read it
    try:
        os.write(descriptor, content)
        os.close(descriptor)
        yield path
    finally:
        os.unlink(path)
