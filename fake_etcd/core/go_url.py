"""URLs as Go's net/url reads them, and those of members and listeners as etcd takes them.

Sources: Go net/url (`Parse`), etcd client/pkg/types/urls.go (`NewURLs`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
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
        import ipaddress  # 1 ms, for what few ask

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
        if not _is_ipv6(address.partition("%")[0]):
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


def _is_ipv6(text: str) -> bool:
    import ipaddress  # 1 ms, for URLs with brackets

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def new_urls(texts: Iterable[str]) -> list[Url]:
    """URLs of listeners or members, in the order given.

    Raises:
        UrlError: with the words of etcd's `NewURLs`, for the first URL at fault.
    """
    found = []
    for text in texts:
        url = parse_url(text.strip())
        if url.scheme in ("http", "https"):
            if ":" not in url.host.rpartition("]")[2]:
                raise UrlError(f'URL address does not have the form "host:port": {url.text}')
            if url.path:
                raise UrlError(f"URL must not contain a path: {url.text}")
        elif not url.is_unix:
            raise UrlError(f"URL scheme must be http, https, unix, or unixs: {url.text}")
        found.append(url)
    return found
