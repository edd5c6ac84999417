"""URLs on the command line, read and refused as etcd reads and refuses them.

Sources: etcd client/pkg/types/urls.go (`NewURLs`), server/embed/config.go (`checkBindURLs`,
`checkHostURLs`). What is listened on, and how, is not decided here.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from fake_etcd.core.go_url import Url as Url
from fake_etcd.core.go_url import UrlError as UrlError
from fake_etcd.core.go_url import new_urls
from fake_etcd.core.go_url import parse_url as parse_url
from fake_etcd.core.go_url import quote as quote


def parse_urls(text: str) -> tuple[Url, ...]:
    """A comma separated list, each once, sorted as etcd sorts them; "" is the empty list.

    Raises:
        UrlError: with the words of etcd's `NewURLs`, for the first URL at fault.
    """
    found = {url.text: url for url in new_urls(text.split(",") if text else [])}
    return tuple(found[key] for key in sorted(found))


def check_bind_urls(urls: tuple[Url, ...]) -> None:
    """Refuse a name where an address is to be listened on.

    Raises:
        UrlError: with etcd's words.
    """
    for url in urls:
        if not url.is_unix and url.hostname != "localhost" and not _is_address(url.hostname):
            raise UrlError(f"expected IP in URL for binding ({url.text})")


def check_listen_urls(urls: tuple[Url, ...]) -> None:
    """Refuse what cannot be listened on.

    Raises:
        UrlError: etcd's words for a port beyond 65535; our own for a socket's path that is empty.
    """
    for url in urls:
        if url.is_unix:
            if not url.host + url.path:
                raise UrlError(f"a unix URL needs the path of its socket: {url.text}")
            continue
        if len(url.port) > 5 or int(url.port or 0) > 65535:
            raise UrlError(f"listen tcp: address {url.port}: invalid port")


def check_advertise_urls(urls: tuple[Url, ...]) -> None:
    """Refuse an advertised URL of clients without a host.

    Raises:
        UrlError: with etcd's words.
    """
    for url in _hostless(urls):
        raise UrlError(
            f'--advertise-client-urls {_given(urls)} must be in the format "host:port", '
            '"unix:/path/to/socket" or "unixs:/path/to/socket" '
            f"(unexpected empty host ({url.text}))"
        )


def check_advertise_peer_urls(urls: tuple[Url, ...]) -> None:
    """Refuse an advertised URL of peers without a host.

    Raises:
        UrlError: with etcd's words.
    """
    for url in _hostless(urls):
        raise UrlError(
            f'--initial-advertise-peer-urls {_given(urls)} must be "host:port" '
            f"(unexpected empty host ({url.text}))"
        )


def _hostless(urls: tuple[Url, ...]) -> Iterator[Url]:
    return (url for url in urls if not url.is_unix and not url.hostname)


def _given(urls: tuple[Url, ...]) -> str:
    return quote(",".join(each.text for each in urls))


def _is_address(host: str) -> bool:
    return _is_ip(host, socket.AF_INET) or _is_ip(host, socket.AF_INET6)


def _is_ip(host: str, family: socket.AddressFamily) -> bool:
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        return False
    return True
