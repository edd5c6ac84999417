"""The members that a cluster begins with, read and checked as etcd does before it starts.

etcd: client/pkg/types/urlsmap.go (`NewURLsMap`), server/config/config.go (`VerifyBootstrap`,
`VerifyJoinExisting`), server/embed/config.go (`InitialClusterFromName`).
"""

from __future__ import annotations

from collections.abc import Sequence

from fake_etcd.cli.urls import Url, parse_urls, quote

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
    missing = [url for url in dict.fromkeys(mine) if url not in advertised]
    given = ",".join(advertised)
    if missing:
        names = ",".join(f"{name}={url}" for url in missing)
        return (
            f"--initial-cluster has {names} but missing from "
            f"--initial-advertise-peer-urls={given} ({_unequal(advertised, mine)})"
        )
    missing = [url for url in dict.fromkeys(advertised) if url not in mine]
    if missing:
        names = ",".join(f"{name}={url}" for url in advertised)
        return (
            f"--initial-advertise-peer-urls has {','.join(missing)} but missing from "
            f"--initial-cluster={names}"
        )
    return None


def _unequal(advertised: Sequence[str], mine: Sequence[str]) -> str:
    if len(advertised) != len(mine):
        return f"len({_list(advertised)}) != len({_list(mine)})"
    one, other = next(pair for pair in zip(advertised, mine, strict=True) if pair[0] != pair[1])
    return f"resolved urls: {quote(one)} != {quote(other)}"


def _list(urls: Sequence[str]) -> str:
    return "[" + " ".join(quote(url) for url in urls) + "]"


def _text(cluster: Cluster) -> str:
    return ",".join(sorted(f"{name}={url}" for name, urls in cluster for url in urls))
