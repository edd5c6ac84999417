"""--insecure-skip-tls-verify: whatever certificate a server shows is trusted, for this one run.

gRPC for Python verifies always. So each server is asked for its certificate first, unverified, and
that alone is trusted then, under a name that it is for.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fake_etcd.ctl.terminal import Exit, Status

if TYPE_CHECKING:
    from fake_etcd.clientv3 import TLS

_SECONDS = 2.0
"""How long a server may take to show its certificate; it may as well not be there."""

_SUBJECT_ALT_NAME = bytes.fromhex("0603551d11")
"""The object identifier 2.5.29.17 in DER (RFC 5280, section 4.2.1.6)."""

_OCTETS, _BOOLEAN, _DNS_NAME, _IP_ADDRESS = 0x04, 0x01, 0x82, 0x87


def trusted(endpoints: tuple[str, ...], cert: str, key: str, pems: TLS) -> TLS:
    """TLS with the endpoints' own certificates as those to trust.

    Args:
        endpoints: whom to ask.
        cert: path of the client's certificate, which a server may ask for; empty for none.
        key: path of its key.
        pems: the client's certificate and key for the calls.

    Raises:
        Exit: the certificates have no name in common.
    """
    from dataclasses import replace

    shown = {_host(each): _shown_by(each, cert, key) for each in endpoints if _has_tls(each)}
    ders = {host: der for host, der in shown.items() if der is not None}
    if not ders:
        return pems  # nobody is there, or all is in plain text; calls will tell
    ca = "".join(ssl.DER_cert_to_PEM_cert(der) for der in ders.values()).encode()
    names = [set(names_of(der)) for der in ders.values()]
    if all(host in those for host, those in zip(ders, names, strict=True)):
        return replace(pems, ca=ca)
    common = sorted(set.intersection(*names))
    if not common:
        raise Exit(
            Status.BAD_ARGS,
            "--insecure-skip-tls-verify: the servers' certificates have no name in common",
        )
    return replace(pems, ca=ca, server_name=common[0])


def _has_tls(endpoint: str) -> bool:
    return not endpoint.startswith(("http://", "unix:"))


def _address(endpoint: str) -> tuple[str, int]:
    split = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
    try:
        return split.hostname or "", split.port or 443
    except ValueError:
        return split.hostname or "", 443


def _host(endpoint: str) -> str:
    return _address(endpoint)[0]


def _shown_by(endpoint: str, cert: str, key: str) -> bytes | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        if cert:
            context.load_cert_chain(cert, key)
        with (
            socket.create_connection(_address(endpoint), _SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=_host(endpoint)) as secured,
        ):
            return secured.getpeercert(binary_form=True)
    except OSError:
        return None


def names_of(der: bytes) -> Iterator[str]:
    """The names and addresses that a certificate is for (its subjectAltName)."""
    at = der.find(_SUBJECT_ALT_NAME)
    if at < 0:
        return
    tag, value, rest = _element(der[at + len(_SUBJECT_ALT_NAME) :])
    if tag == _BOOLEAN:
        tag, value, _ = _element(rest)
    if tag != _OCTETS:
        return
    _, names, _ = _element(value)
    while names:
        tag, value, names = _element(names)
        if tag == _DNS_NAME:
            yield value.decode("ascii", "replace")
        elif tag == _IP_ADDRESS and len(value) in (4, 16):
            yield str(ipaddress.ip_address(value))


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag and value of the first element in DER, and what follows it."""
    length, begin = data[1], 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(data[2:begin], "big")
    return data[0], data[begin : begin + length], data[begin + length :]
