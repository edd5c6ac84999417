"""The members that a cluster begins with, read and checked as etcd does before it starts.

etcd: client/pkg/types/urlsmap.go (`NewURLsMap`), server/config/config.go (`VerifyBootstrap`,
`VerifyJoinExisting`), server/embed/config.go (`InitialClusterFromName`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import socket
from collections.abc import Sequence

from fake_etcd.cli.urls import Url, parse_url, parse_urls, quote

Cluster = tuple[tuple[str, tuple[str, ...]], ...]
"""Each member's name and its peer URLs, both sorted."""


def read(text: str) -> Cluster:
    """The members that --initial-cluster names.

    Raises:
        UrlError: with etcd's words, for a URL that is none.

    >>> read("b=http://h:2,a=http://h:1,b=http://h:3")
    (('a', ('http://h:1',)), ('b', ('http://h:2', 'http://h:3')))
    """
    found: dict[str, list[str]] = {}
    for part in text.split(","):
        if part:
            name, _, url = part.partition("=")
            found.setdefault(name, []).append(url)
    # NewURLs keeps a URL that is there twice, and refuses the empty one.
    return tuple(
        (name, tuple(sorted(url.text for each in urls for url in parse_urls(each or ","))))
        for name, urls in sorted(found.items())
    )


def of_one(name: str, peer_urls: Sequence[Url]) -> str:
    """What --initial-cluster is where it is not given: this member alone."""
    return ",".join(f"{name or 'default'}={url.text}" for url in peer_urls)


def wrong(cluster: Cluster, name: str, advertised: Sequence[str], *, is_new: bool) -> str | None:
    """Why etcd would not begin, or join, such a cluster.

    Args:
        cluster: what --initial-cluster names.
        name: this member's.
        advertised: the URLs of --initial-advertise-peer-urls.
        is_new: whether it is begun, and not joined.
    """
    members = dict(cluster)
    mine = members.get(name)
    if mine is None:
        return f"couldn't find local name {quote(name)} in the initial cluster configuration"
    if is_new:
        mismatch = _mismatch(name, mine, sorted(advertised))
        if mismatch is not None:
            return mismatch
    every = [url for _, urls in cluster for url in urls]
    if len(set(every)) != len(every):
        return f"initial cluster {_text(cluster)} has duplicate url"
    return None


def _mismatch(name: str, mine: Sequence[str], advertised: Sequence[str]) -> str | None:
    unequal = _unequal(advertised, mine)
    if unequal is None:
        return None
    missing = [url for url in dict.fromkeys(mine) if url not in advertised]
    given = ",".join(advertised)
    own = ",".join(f"{name}={url}" for url in advertised)
    if missing:
        names = ",".join(f"{name}={url}" for url in missing)
        return (
            f"--initial-cluster has {names} but missing from "
            f"--initial-advertise-peer-urls={given} ({unequal})"
        )
    missing = [url for url in dict.fromkeys(advertised) if url not in mine]
    if missing:
        return (
            f"--initial-advertise-peer-urls has {','.join(missing)} but missing from "
            f"--initial-cluster={own}"
        )
    return f"failed to resolve {given} to match --initial-cluster={own} ({unequal})"


def _unequal(advertised: Sequence[str], mine: Sequence[str]) -> str | None:
    """Why these are not the same places; names are looked up where the texts differ.

    etcd: pkg/netutil/netutil.go (`URLStringsEqual`), which looks names up for half a minute; here
    it is done once, so that a mistake shows at once.
    """
    if len(advertised) != len(mine):
        return f"len({_list(advertised)}) != len({_list(mine)})"
    ones, others = (list(map(parse_url, sorted(urls))) for urls in (advertised, mine))
    if all(_place(one) == _place(other) for one, other in zip(ones, others, strict=True)):
        return None
    try:
        ones, others = (sorted(map(_resolved, urls), key=_url_text) for urls in (ones, others))
    except _Unknown as error:
        return str(error)
    for one, other in zip(ones, others, strict=True):
        if _place(one) != _place(other):
            return f"resolved urls: {quote(_url_text(one))} != {quote(_url_text(other))}"
    return None


class _Unknown(Exception):
    """A name that nobody knows, in Go's words."""


def _url_text(url: Url) -> str:
    return f"{url.scheme}://{url.host}{url.path}"


def _place(url: Url) -> tuple[str, str, str, str]:
    host = url.hostname
    with contextlib.suppress(ValueError):
        host = ipaddress.ip_address(host).compressed
    return url.scheme, host, url.port, url.path


def _resolved(url: Url) -> Url:
    """With the first address of its name, but for localhost, which stays."""
    if url.is_unix or url.hostname == "localhost":
        return url
    number = int(url.port or 0)
    try:
        found = socket.getaddrinfo(url.hostname, number, type=socket.SOCK_STREAM)
    except socket.gaierror:
        text = quote(_url_text(url))
        raise _Unknown(f"failed to resolve {text} (lookup {url.hostname}: no such host)") from None
    address = str(found[0][4][0])
    host = f"[{address}]" if ":" in address else address
    port = str(number)
    return dataclasses.replace(url, host=f"{host}:{port}")


def _list(urls: Sequence[str]) -> str:
    return "[" + " ".join(quote(url) for url in urls) + "]"


def _text(cluster: Cluster) -> str:
    return ",".join(sorted(f"{name}={url}" for name, urls in cluster for url in urls))
