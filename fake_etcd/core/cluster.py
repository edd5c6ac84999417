"""The members that a cluster starts with, and their ids and its own as etcd derives them.

A member's id is a hash of its peer URLs and the cluster token, a cluster's id a hash of its
members' ids; a member's name goes into neither. A member that is added later to a running cluster
has the time in its hash instead of the token.
etcd: server/etcdserver/api/membership/member.go and cluster.go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

InitialCluster = tuple[tuple[str, tuple[str, ...]], ...]
"""`--initial-cluster`, read: the name of each member, and the URLs that it has for its peers."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the others know it.

    Args:
        id: a number of 64 bits.
        name: its `--name`.
        peer_urls: in order of their text.
        client_urls: what it has told of itself; none until it has started.
        is_learner: whether it has no vote. Nobody begins so.
    """

    id: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...] = ()
    is_learner: bool = False


def members(initial_cluster: InitialCluster, cluster_token: str) -> tuple[Member, ...]:
    """Whom a cluster begins with, in the order of their ids, as a member list has them.

    They have their names at once and no client URLs: those each tells the others when it starts.

    >>> [each.name for each in members((("a", ("http://a:1",)), ("b", ("http://b:1",))), "t")]
    ['a', 'b']
    """
    found = (
        Member(member_id(urls, cluster_token), name, tuple(sorted(map(_canonical, urls))))
        for name, urls in initial_cluster
    )
    return tuple(sorted(found, key=lambda member: member.id))


def with_client_urls(
    all_members: Iterable[Member], id: int, urls: tuple[str, ...]
) -> tuple[Member, ...]:
    """The same members, of whom one has told where clients find it."""
    return tuple(
        replace(member, client_urls=urls) if member.id == id else member for member in all_members
    )


def member_id(peer_urls: Iterable[str], cluster_token: str) -> int:
    """The id of a member that is there from the cluster's first start.

    Args:
        peer_urls: the URLs it advertises to its peers; their order does not matter.
        cluster_token: the value of `--initial-cluster-token`.

    Returns:
        A number of 64 bits; etcdctl shows it in hexadecimal.

    >>> format(member_id(["http://localhost:2380"], "etcd-cluster"), "x")
    '8e9e05c52164694d'
    """
    return _id_of(peer_urls, cluster_token)


def added(peer_urls: Iterable[str], unix_seconds: int, is_learner: bool) -> Member:
    """A member that joins a cluster at a time, and that nobody has heard of yet.

    >>> added(["http://b:2380", "http://a:2380"], 1_700_000_000, False).peer_urls
    ('http://a:2380', 'http://b:2380')
    """
    urls = tuple(sorted(map(_canonical, peer_urls)))
    return Member(_id_of(urls, str(unix_seconds)), "", urls, is_learner=is_learner)


def _id_of(peer_urls: Iterable[str], salt: str) -> int:
    urls = sorted(_canonical(url).encode() for url in peer_urls)
    return _leading_64_bits(b"".join(urls) + salt.encode())


def cluster_id(member_ids: Iterable[int]) -> int:
    """The id of the cluster that starts with these members, in any order.

    >>> format(cluster_id([0x8E9E05C52164694D]), "x")
    'cdf818194e3a8c32'
    """
    return _leading_64_bits(b"".join(number.to_bytes(8, "big") for number in sorted(member_ids)))


def request_id_size(member: int) -> int:
    """How many bytes the ids of this member's requests take as a varint.

    Every write that etcd proposes carries such an id, and its bytes count against
    `--max-request-bytes`. The id is the member's low 16 bits followed by 48 bits of time and
    counter (etcd: pkg/idutil/id.go). Where those 16 bits are zero the size depends on the clock;
    the 7 bytes given then are right until 2039.

    >>> request_id_size(0x8E9E05C52164694D)
    9
    """
    bits = 48 + (member & 0xFFFF).bit_length()
    return -(-bits // 7)


def _canonical(url: str) -> str:
    """The URL as Go's url.URL prints it: no blanks around it, its scheme in small letters."""
    scheme, separator, rest = url.strip().partition("://")
    return scheme.lower() + separator + rest if separator else scheme


def _leading_64_bits(data: bytes) -> int:
    digest = hashlib.sha1(data, usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big")
