"""Certificates made when they are needed: an authority, what it signs, what it revokes.

Nothing is written to a file; all of it is bytes, PEM but for the list of revoked certificates,
which etcd reads as DER. Keys are of P-256, which takes less than a millisecond to make; only what
`--auto-tls` makes is of etcd's own form (etcd: client/pkg/transport/listener.go, SelfCert). Nobody
is to trust an authority of ours for longer than a test takes.
"""

# `cryptography` is imported where it is used: importing it takes 50 ms, and servers without TLS
# do not need it.

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_ORGANIZATION = "fake_etcd"
"""The subject of a server's certificate, which has no common name: see `Authority.server`."""


@dataclass(frozen=True, slots=True)
class Lifetime:
    """When a certificate is valid, counted from when it is made.

    Args:
        start: when it begins to be.
        end: when it is no more.
    """

    start: datetime.timedelta
    end: datetime.timedelta


USUAL = Lifetime(datetime.timedelta(hours=-1), datetime.timedelta(days=365))
"""From an hour ago, for clocks that do not agree, and for a year."""

EXPIRED = Lifetime(datetime.timedelta(days=-2), datetime.timedelta(days=-1))
"""It was valid until yesterday."""

NOT_YET = Lifetime(datetime.timedelta(days=1), datetime.timedelta(days=2))
"""It will be valid from tomorrow on."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate, and the private key that belongs to it.

    Args:
        certificate: PEM.
        key: PEM, not encrypted; never part of the `repr`.
    """

    certificate: bytes
    key: bytes = field(repr=False)

    @property
    def serial_number(self) -> int:
        """What a list of revoked certificates knows it by."""
        return serial_number(self.certificate)


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates; those who trust `certificate` trust them.

    Args:
        certificate: its own, PEM.
        key: PEM; never part of the `repr`.

    >>> authority = new_authority()
    >>> alice = authority.client("alice")
    >>> alice.certificate.splitlines()[0]
    b'-----BEGIN CERTIFICATE-----'
    """

    certificate: bytes
    key: bytes = field(repr=False)

    def server(
        self,
        hosts: Sequence[str],
        lifetime: Lifetime = USUAL,
        common_name: str = "",
        serial_number: int | None = None,
    ) -> KeyPair:
        """A certificate for a server, good for its gateway's calls to itself, too.

        Args:
            hosts: names and addresses that clients may reach it by: "localhost", "::1".
            lifetime: when it is valid.
            common_name: etcd refuses to start a gateway with one where clients have certificates
                (server/embed/etcd.go, EmptyCN), so there is none by default.
            serial_number: its number; None for a random one.
        """
        return self._sign(
            _Wish(common_name, tuple(hosts), True, lifetime, serial_number, _ORGANIZATION)
        )

    def client(
        self,
        common_name: str,
        hosts: Sequence[str] = (),
        lifetime: Lifetime = USUAL,
        serial_number: int | None = None,
    ) -> KeyPair:
        """A certificate for a client.

        Args:
            common_name: whom etcd takes the client for; up to 64 characters; empty for none.
            hosts: names and addresses in it; `--client-cert-allowed-hostname` looks for one.
            lifetime: when it is valid.
            serial_number: its number; None for a random one.

        Raises:
            ValueError: no certificate can have such a name.
        """
        return self._sign(_Wish(common_name, tuple(hosts), False, lifetime, serial_number))

    def revocation_list(self, serial_numbers: Iterable[int]) -> bytes:
        """Certificates that are no longer good, as `--client-crl-file` wants them: DER.

        Args:
            serial_numbers: of each; etcd looks at nothing else, not even at who has signed it.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(_loaded(self.certificate).subject)
            .last_update(now + USUAL.start)
            .next_update(now + USUAL.end)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(_authority_of(_key(self.key)), critical=False)
        )
        for number in serial_numbers:
            revoked = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(now)
            builder = builder.add_revoked_certificate(revoked.build())
        made = builder.sign(_key(self.key), hashes.SHA256())
        return made.public_bytes(serialization.Encoding.DER)

    def _sign(self, wish: _Wish) -> KeyPair:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

        signer = _key(self.key)
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [Usage.SERVER_AUTH, Usage.CLIENT_AUTH] if wish.serves else [Usage.CLIENT_AUTH]
        builder = (
            _builder(_name(wish.common_name, wish.organization), key, wish.lifetime)
            .issuer_name(_loaded(self.certificate).subject)
            .serial_number(wish.serial_number or x509.random_serial_number())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(_authority_of(signer), critical=False)
        )
        if wish.hosts:
            names = _alternative_names(wish.hosts)
            is_all = not (wish.common_name or wish.organization)  # RFC 5280 §4.2.1.6
            builder = builder.add_extension(names, critical=is_all)
        return _pair(builder.sign(signer, hashes.SHA256()), key)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be in a certificate that an authority signs."""

    common_name: str
    hosts: tuple[str, ...]
    serves: bool
    lifetime: Lifetime
    serial_number: int | None
    organization: str = ""


def new_authority(common_name: str = "fake_etcd test CA", lifetime: Lifetime = USUAL) -> Authority:
    """An authority that nobody knows yet.

    Args:
        common_name: what it is called, up to 64 characters.
        lifetime: when its own certificate is valid.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name, "")
    made = (
        _builder(name, key, lifetime)
        .issuer_name(name)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pair = _pair(made, key)
    return Authority(pair.certificate, pair.key)


def self_signed(hosts: Sequence[str], validity_years: int = 1) -> KeyPair:
    """What `--auto-tls` makes: a certificate that has signed itself, in etcd's form.

    Args:
        hosts: names and addresses that the server listens on.
        validity_years: how many years of 365 days it is good for, at least 1.

    Raises:
        ValueError: it would not be valid at all.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

    if validity_years < 1:
        raise ValueError(f"validity_years={validity_years}: it has to be 1 at least")
    key = ec.generate_private_key(ec.SECP521R1())
    name = _name("", "etcd")
    lifetime = Lifetime(datetime.timedelta(0), datetime.timedelta(days=365 * validity_years))
    usage = _usage(digital_signature=True, key_encipherment=True, crl_sign=True)
    made = (
        _builder(name, key, lifetime)
        .issuer_name(name)
        .serial_number(x509.random_serial_number())
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([Usage.SERVER_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_alternative_names(hosts), critical=False)
        .sign(key, hashes.SHA512())  # what Go takes for a key of P-521
    )
    return _pair(made, key, is_traditional=True)


def serial_number(certificate: bytes) -> int:
    """The number of a certificate.

    Args:
        certificate: PEM; of several the first.

    Raises:
        ValueError: it is none.
    """
    return _loaded(certificate).serial_number


# How a certificate is put together


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, lifetime: Lifetime
) -> x509.CertificateBuilder:
    from cryptography import x509

    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .not_valid_before(now + lifetime.start)
        .not_valid_after(now + lifetime.end)
    )


def _name(common_name: str, organization: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = ((NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name))
    return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts if text])


def _usage(
    *,
    digital_signature: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    from cryptography import x509

    return x509.SubjectAlternativeName([_alternative_name(host) for host in hosts])


def _alternative_name(host: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _authority_of(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    """Whose key has signed it; Python 3.13 wants to be told."""
    from cryptography import x509

    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _pair(
    certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, is_traditional: bool = False
) -> KeyPair:
    from cryptography.hazmat.primitives import serialization

    pem = serialization.Encoding.PEM
    forms = serialization.PrivateFormat
    form = forms.TraditionalOpenSSL if is_traditional else forms.PKCS8
    return KeyPair(
        certificate.public_bytes(pem),
        key.private_bytes(pem, form, serialization.NoEncryption()),
    )


def _loaded(certificate: bytes) -> x509.Certificate:
    from cryptography import x509

    return x509.load_pem_x509_certificate(certificate)


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey), "this module makes no others"
    return key
