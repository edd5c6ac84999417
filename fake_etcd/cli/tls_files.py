"""The files that flags about TLS name, looked at as the server starts.

etcd: client/pkg/transport/listener.go (`TLSInfo.baseConfig`, `ServerConfig`, `ClientConfig`): they
are looked at even where no address has TLS, since a member connects to peers, too.
"""

from __future__ import annotations

from fake_etcd.cli.tls_flags import TlsSettings, half_a_pair
from fake_etcd.cli.urls import quote
from fake_etcd.transport.tls import Acceptor, FileSource, ServerTls, check_trusted
from fake_etcd.transport.tls_transport import TlsError


def check(tls: TlsSettings) -> None:
    """Refuse what etcd refuses, in its order.

    Raises:
        TlsError: with etcd's words, or Go's.
    """
    if tls.generates:
        return
    if tls.has_files:
        _check_pairs(tls)
        if tls.allowed_cns and tls.client_cert_allowed_hostname:
            raise TlsError(
                "AllowedCNs and AllowedHostnames are mutually exclusive "
                f"(cns={_list(tls.allowed_cns)}, "
                f"hostnames={_list(tls.client_cert_allowed_hostname)})"
            )
    if tls.trusted_ca_file:
        check_trusted(FileSource(tls.trusted_ca_file))


def _check_pairs(tls: TlsSettings) -> None:
    if not (tls.cert_file and tls.key_file):
        raise TlsError(half_a_pair(tls))
    _check_pair(tls.cert_file, tls.key_file)
    if bool(tls.client_cert_file) != bool(tls.client_key_file):
        raise TlsError(
            "ClientKeyFile and ClientCertFile must both be present or both absent: "
            f"key: {tls.client_key_file}, cert: {tls.client_cert_file}]"
        )
    if tls.client_cert_file:
        _check_pair(tls.client_cert_file, tls.client_key_file)


def _check_pair(certificate: str, key: str) -> None:
    Acceptor(ServerTls(FileSource(certificate), FileSource(key)))


def _list(texts: tuple[str, ...]) -> str:
    return f"[{' '.join(map(quote, texts))}]"
