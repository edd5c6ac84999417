"""What the flags about TLS say, what etcd refuses of it, and what it says of the rest.

No file is read here. etcd: server/embed/config.go (`Validate`, `ClientSelfCert`),
server/embed/etcd.go (`configureClientListeners`); Go: net/http (`http2.ConfigureServer`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fake_etcd.cli.flag_values import TRUE, count
from fake_etcd.cli.urls import Url, quote
from fake_etcd.transport.tls_suites import OLD_NAMES, REQUIRED, is_suite

_VERSIONS = ("", "TLS1.2", "TLS1.3")


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """The flags about TLS; a list is empty where its flag was not given.

    `self_signed_cert_validity` is in years. The files of the client's side and the common names
    are of nobody's use here, but etcd does not start where they are not in order.
    """

    cert_file: str
    key_file: str
    trusted_ca_file: str
    client_cert_auth: bool
    client_crl_file: str
    client_cert_allowed_hostname: tuple[str, ...]
    auto_tls: bool
    self_signed_cert_validity: int
    tls_min_version: str
    tls_max_version: str
    cipher_suites: tuple[str, ...]
    client_cert_file: str = ""
    client_key_file: str = ""
    allowed_cns: tuple[str, ...] = ()

    @property
    def has_files(self) -> bool:
        """Whether there is a certificate, or half of what makes one."""
        return bool(self.cert_file or self.key_file)

    @property
    def generates(self) -> bool:
        """Whether a certificate is made here; etcd then forgets the flags about client ones."""
        return self.auto_tls and not self.has_files

    @property
    def verifies_clients(self) -> bool:
        """Whether clients' certificates may stand for users."""
        return self.client_cert_auth and not self.generates


@dataclass(frozen=True, slots=True)
class Warning:
    """A line for the log: what will not be as the flags have it."""

    message: str
    fields: dict[str, str]


def _texts(given: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(given[name].split(",")) if name in given else ()


def tls_settings(values: Mapping[str, str], given: Mapping[str, str]) -> TlsSettings:
    """What every flag's value, and those that were given, say of TLS for clients."""
    return TlsSettings(
        cert_file=values["cert-file"],
        key_file=values["key-file"],
        trusted_ca_file=values["trusted-ca-file"],
        client_cert_auth=values["client-cert-auth"] in TRUE,
        client_crl_file=values["client-crl-file"],
        client_cert_allowed_hostname=_texts(given, "client-cert-allowed-hostname"),
        auto_tls=values["auto-tls"] in TRUE,
        self_signed_cert_validity=count(values["self-signed-cert-validity"]),
        tls_min_version=values["tls-min-version"],
        tls_max_version=values["tls-max-version"],
        cipher_suites=_texts(given, "cipher-suites"),
        client_cert_file=values["client-cert-file"],
        client_key_file=values["client-key-file"],
    )


def peer_tls_settings(values: Mapping[str, str], given: Mapping[str, str]) -> TlsSettings:
    """The same of TLS for peers."""
    return TlsSettings(
        cert_file=values["peer-cert-file"],
        key_file=values["peer-key-file"],
        trusted_ca_file=values["peer-trusted-ca-file"],
        client_cert_auth=values["peer-client-cert-auth"] in TRUE,
        client_crl_file=values["peer-crl-file"],
        client_cert_allowed_hostname=_texts(given, "peer-cert-allowed-hostname"),
        auto_tls=values["peer-auto-tls"] in TRUE,
        self_signed_cert_validity=count(values["self-signed-cert-validity"]),
        tls_min_version=values["tls-min-version"],
        tls_max_version=values["tls-max-version"],
        cipher_suites=_texts(given, "cipher-suites"),
        client_cert_file=values["peer-client-cert-file"],
        client_key_file=values["peer-client-key-file"],
        allowed_cns=_texts(given, "peer-cert-allowed-cn"),
    )


NO_VALIDITY = "selfSignedCertValidity is invalid,it should be greater than 0"


def half_a_pair(tls: TlsSettings) -> str:
    """What etcd says of a certificate without its key, or the other way round."""
    return f"KeyFile and CertFile must both be present[key: {tls.key_file}, cert: {tls.cert_file}]"


def wrong_versions(tls: TlsSettings) -> str | None:
    """Why etcd takes no such flags, whatever it listens on."""
    for version in (tls.tls_min_version, tls.tls_max_version):
        if version not in _VERSIONS:
            return f"unexpected TLS version {quote(version)} (must be one of: TLS1.2, TLS1.3)"
    if tls.tls_max_version and tls.tls_min_version > tls.tls_max_version:
        return (
            f"min version ({tls.tls_min_version}) is greater than max version "
            f"({tls.tls_max_version})"
        )
    if tls.tls_min_version == "TLS1.3" and tls.cipher_suites:
        return "cipher suites cannot be configured when only TLS1.3 is enabled"
    return None


def wrong_listening(tls: TlsSettings, urls: Sequence[Url]) -> str | None:
    """Why etcd does not begin to listen on these."""
    for suite in tls.cipher_suites:
        if not is_suite(suite):
            return f"unexpected TLS cipher suite {quote(suite)}"
    if tls.generates and not tls.self_signed_cert_validity:
        return NO_VALIDITY
    encrypted = [url for url in urls if url.is_tls]
    if not encrypted:
        return None
    if not tls.has_files and not tls.auto_tls:
        return (
            "TLS key/cert (--cert-file, --key-file) must be provided for client url "
            f"{encrypted[0].text} with HTTPS scheme"
        )
    if not tls.generates and not (tls.cert_file and tls.key_file):
        return half_a_pair(tls)
    if tls.cipher_suites and not REQUIRED & {
        OLD_NAMES.get(suite, suite) for suite in tls.cipher_suites
    }:
        return (
            "http2: TLSConfig.CipherSuites is missing an HTTP/2-required AES_128_GCM_SHA256 cipher "
            "(need at least one of TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or "
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)"
        )
    return None


def warnings(tls: TlsSettings, urls: Sequence[Url]) -> Iterator[Warning]:
    """What etcd logs of flags that do nothing, or less than they seem to."""
    if tls.auto_tls and tls.has_files:
        yield Warning("ignoring client auto TLS since certs given", {})
    for url in urls:
        if url.is_tls:
            continue
        if tls.has_files or tls.auto_tls:
            yield Warning(
                "scheme is http or unix while key and cert files are present; ignoring key and "
                "cert files",
                {"client-url": url.text},
            )
        if tls.verifies_clients:
            yield Warning(
                "scheme is http or unix while --client-cert-auth is enabled; ignoring client cert "
                "auth for this URL",
                {"client-url": url.text},
            )
    if tls.generates and (tls.client_cert_auth or tls.trusted_ca_file):
        # etcd says nothing here, and somebody who wants clients to be checked should know.
        yield Warning("--auto-tls makes nothing of the flags about client certificates", {})
