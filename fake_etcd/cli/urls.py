"""URLs on the command line, read and refused as etcd reads and refuses them.

Sources: Go net/url (`Parse`), etcd client/pkg/types/urls.go (`NewURLs`), server/embed/config.go
(`checkBindURLs`, `checkHostURLs`). What is listened on, and how, is not decided here.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_PORT = re.compile(r"(:[0-9]*)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
_BAD_HOST_CHARACTER = re.compile(r"[^0-9A-Za-z\-._~!$&'()*+,;=:\[\]<>\"%\u0080-\U0010ffff]")


class UrlError(ValueError):
    """Why a text is not a URL that etcd takes; the message is etcd's."""


@dataclass(frozen=True, slots=True)
class Url:
    """One URL, its parts as Go's net/url names them.

    `host` has the port in it ("127.0.0.1:2379", "[::1]:2379"), `path` is what follows. A unix
    socket's address is `host + path`, so that "unix://a.sock" is a relative one.
    """

    text: str
    scheme: str
    host: str
    path: str

    @property
    def hostname(self) -> str:
        """The host without its port and without brackets."""
        return self.host.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> str:
        """The digits after the host; empty means any free port, as 0 does."""
        return self.host.rpartition(":")[2]

    @property
    def is_unix(self) -> bool:
        return self.scheme in ("unix", "unixs")

    @property
    def is_loopback(self) -> bool:
        """Whether it cannot be reached from another machine."""
        if self.is_unix or self.hostname == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.hostname.partition("%")[0]).is_loopback
        except ValueError:  # a name, and who knows what it means elsewhere
            return False

    @property
    def is_tls(self) -> bool:
        return self.scheme in ("https", "unixs")


def quote(text: str) -> str:
    """A text as Go's %q shows it, always one line.

    >>> print(quote('a"b'))
    "a\\"b"
    """
    out = []
    for character in text:
        named = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
        if named is not None:
            out.append(named)
        elif character.isprintable():
            out.append(character)
        elif ord(character) < 0x80:
            out.append(f"\\x{ord(character):02x}")
        else:
            out.append(f"\\u{ord(character):04x}")
    return '"' + "".join(out) + '"'


def parse_url(text: str) -> Url:
    """One URL as Go's net/url parses it.

    Raises:
        UrlError: with Go's words.

    >>> parse_url("http://[::1]:2379").host
    '[::1]:2379'
    >>> parse_url("unix:///run/etcd.sock").path
    '/run/etcd.sock'
    """
    try:
        return _parse(text)
    except UrlError as error:
        raise UrlError(f"parse {quote(text)}: {error}") from None


def _parse(text: str) -> Url:
    if _CONTROL.search(text):
        raise UrlError("net/url: invalid control character in URL")
    rest = text.partition("#")[0].partition("?")[0]
    if rest.startswith(":"):
        raise UrlError("missing protocol scheme")
    match = _SCHEME.match(rest)
    scheme = match[1].lower() if match else ""
    rest = rest[match.end() :] if match else rest
    host = ""
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        host = _parse_host(authority.rpartition("@")[2])
        rest = slash + path
    elif not rest.startswith("/"):
        if scheme:  # Go calls this opaque: neither host nor path, but for a socket's name
            return Url(text, scheme, "", rest if scheme in ("unix", "unixs") else "")
        if ":" in rest.partition("/")[0]:
            raise UrlError("first path segment in URL cannot contain colon")
    _check_escapes(rest)
    return Url(text, scheme, host, rest)


def _parse_host(host: str) -> str:
    if host.startswith("["):
        address, bracket, port = host[1:].partition("]")
        if not bracket:
            raise UrlError("missing ']' in host")
        _check_port(port)
        if not _is_ip(address.partition("%")[0], socket.AF_INET6):
            raise UrlError(f"invalid host: ParseAddr({quote(address)}): unable to parse IP")
        return host
    name, colon, port = host.partition(":")
    _check_port(colon + port)
    _check_escapes(name)
    bad = _BAD_HOST_CHARACTER.search(name)
    if bad:
        raise UrlError(f"invalid character {quote(bad[0])} in host name")
    return host


def _check_port(port: str) -> None:
    if not _PORT.fullmatch(port):
        raise UrlError(f"invalid port {quote(port)} after host")


def _check_escapes(text: str) -> None:
    bad = _BAD_ESCAPE.search(text)
    if bad:
        raise UrlError(f"invalid URL escape {quote(bad[0])}")


def parse_urls(text: str) -> tuple[Url, ...]:
    """A comma separated list, each once, sorted as etcd sorts them; "" is the empty list.

    Raises:
        UrlError: with the words of etcd's `NewURLs`, for the first URL at fault.
    """
    found: dict[str, Url] = {}
    for part in text.split(",") if text else []:
        url = parse_url(part.strip())
        if url.scheme in ("http", "https"):
            if ":" not in url.host.rpartition("]")[2]:
                raise UrlError(f'URL address does not have the form "host:port": {url.text}')
            if url.path:
                raise UrlError(f"URL must not contain a path: {url.text}")
        elif not url.is_unix:
            raise UrlError(f"URL scheme must be http, https, unix, or unixs: {url.text}")
        found[url.text] = url
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
