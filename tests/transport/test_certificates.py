"""Certificates as a TLS of somebody else's sees them: the ssl module, in memory."""

from __future__ import annotations

import datetime
import ssl
import tempfile
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fake_etcd.transport import certificates
from fake_etcd.transport.certificates import EXPIRED, NOT_YET, Authority, KeyPair, Lifetime

LOCAL = ("127.0.0.1", "::1", "localhost")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return certificates.new_authority()


def _context(side: ssl._SSLMethod, own: KeyPair | None, trusted: bytes | None) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.check_hostname = side is ssl.PROTOCOL_TLS_CLIENT
    if hasattr(ssl, "VERIFY_X509_STRICT"):
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # Python 3.13's default
    if trusted is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=trusted.decode())
    if own is not None:
        with tempfile.TemporaryDirectory() as folder:
            both = Path(folder, "both.pem")
            both.write_bytes(own.certificate + own.key)
            context.load_cert_chain(both)
    return context


class _Ends:
    """Both ends of one TLS connection, without a socket between them."""

    def __init__(
        self,
        server: KeyPair,
        trusted: bytes,
        client: KeyPair | None = None,
        clients: bytes | None = None,
        host: str = "localhost",
    ) -> None:
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        serving = _context(ssl.PROTOCOL_TLS_SERVER, server, clients)
        asking = _context(ssl.PROTOCOL_TLS_CLIENT, client, trusted)
        self.server = serving.wrap_bio(up, down, server_side=True)
        self.client = asking.wrap_bio(down, up, server_hostname=host)

    def shake_hands(self) -> None:
        ends = [self.client, self.server]
        for _ in range(4):
            for end in list(ends):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                ends.remove(end)
        assert not ends, "a handshake is done in two round trips"


def _refusal(ends: _Ends) -> str:
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        ends.shake_hands()
    return str(caught.value.verify_message)


@pytest.mark.parametrize("host", LOCAL)
def test_a_server_is_who_it_says_it_is(authority: Authority, host: str) -> None:
    _Ends(authority.server(LOCAL), authority.certificate, host=host).shake_hands()


def test_a_server_is_nobody_else(authority: Authority) -> None:
    ends = _Ends(authority.server(LOCAL), authority.certificate, host="example.org")
    assert _refusal(ends) == "Hostname mismatch, certificate is not valid for 'example.org'."


@pytest.mark.parametrize(
    ("lifetime", "why"),
    [
        (EXPIRED, "certificate has expired"),
        (NOT_YET, "certificate is not yet valid"),
    ],
)
def test_a_certificate_is_good_for_its_time_only(
    authority: Authority, lifetime: Lifetime, why: str
) -> None:
    assert _refusal(_Ends(authority.server(LOCAL, lifetime), authority.certificate)) == why
    client = authority.client("alice", lifetime=lifetime)
    server = authority.server(LOCAL)
    ends = _Ends(server, authority.certificate, client, authority.certificate)
    assert _refusal(ends) == why


def test_an_authority_has_signed_nothing_of_another_of_the_same_name(authority: Authority) -> None:
    other = certificates.new_authority()
    ends = _Ends(other.server(LOCAL), authority.certificate)
    assert _refusal(ends) in (
        "unable to get local issuer certificate",
        "self-signed certificate in certificate chain",
    )


def test_a_server_learns_the_common_name_of_its_client(authority: Authority) -> None:
    ends = _Ends(
        authority.server(LOCAL),
        authority.certificate,
        authority.client("alice"),
        authority.certificate,
    )
    ends.shake_hands()
    found = ends.server.getpeercert()
    assert found is not None
    assert found["subject"] == ((("commonName", "alice"),),)
    assert "subjectAltName" not in found


def test_a_client_may_have_names_and_no_common_name(authority: Authority) -> None:
    client = authority.client("", hosts=["client.test", "192.0.2.1"])
    ends = _Ends(authority.server(LOCAL), authority.certificate, client, authority.certificate)
    ends.shake_hands()
    found = ends.server.getpeercert()
    assert found is not None
    assert found["subject"] == ()
    assert found["subjectAltName"] == (("DNS", "client.test"), ("IP Address", "192.0.2.1"))


def test_a_clients_certificate_is_none_for_a_server(authority: Authority) -> None:
    ends = _Ends(authority.client("localhost", hosts=LOCAL), authority.certificate)
    assert _refusal(ends) in ("unsuitable certificate purpose", "unsupported certificate purpose")


def test_a_servers_certificate_is_one_for_a_client_too_and_has_no_common_name(
    authority: Authority,
) -> None:
    server = authority.server(LOCAL)
    ends = _Ends(server, authority.certificate, server, authority.certificate)
    ends.shake_hands()
    found = ends.server.getpeercert()
    assert found is not None
    assert found["subject"] == ((("organizationName", "fake_etcd"),),)


def test_a_list_names_what_is_revoked(authority: Authority) -> None:
    alice, bob = authority.client("alice"), authority.client("bob", serial_number=7)
    assert bob.serial_number == 7
    made = authority.revocation_list([alice.serial_number, 7])
    found = x509.load_der_x509_crl(made)
    issuer = x509.load_pem_x509_certificate(authority.certificate)
    assert found.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # of any kind
    assert found.issuer == issuer.subject
    assert sorted(entry.serial_number for entry in found) == sorted([7, alice.serial_number])


def test_an_empty_list_is_one(authority: Authority) -> None:
    assert list(x509.load_der_x509_crl(authority.revocation_list([]))) == []


def test_what_is_made_alone_is_in_etcds_form() -> None:
    made = certificates.self_signed(["127.0.0.1", "localhost"], validity_years=2)
    found = x509.load_pem_x509_certificate(made.certificate)
    assert [(one.oid, one.value) for one in found.subject] == [
        (NameOID.ORGANIZATION_NAME, "etcd"),
    ]
    assert found.issuer == found.subject
    public = found.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert public.curve.name == "secp521r1"
    lived = found.not_valid_after_utc - found.not_valid_before_utc
    assert lived == datetime.timedelta(days=2 * 365)
    usage = found.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.crl_sign) == (True, True, True)
    assert not usage.key_cert_sign
    extended = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert made.key.startswith(b"-----BEGIN EC PRIVATE KEY-----")


def test_no_certificate_lives_for_no_time() -> None:
    with pytest.raises(ValueError, match="validity_years=0: it has to be 1 at least"):
        certificates.self_signed(["localhost"], validity_years=0)


def test_keys_are_not_for_people_to_see(authority: Authority) -> None:
    pair = authority.client("alice")
    assert repr(pair) == f"KeyPair(certificate={pair.certificate!r})"
    assert repr(authority) == f"Authority(certificate={authority.certificate!r})"


def test_no_serial_number_is_given_twice(authority: Authority) -> None:
    assert authority.client("a").serial_number != authority.client("a").serial_number


def test_what_is_no_certificate_has_no_number() -> None:
    with pytest.raises(ValueError, match="PEM"):
        certificates.serial_number(b"nothing")
