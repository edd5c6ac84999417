"""Rows that `simple` prints with commas and `table` with lines. etcd: printer.go, make…Table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fake_etcd.clientv3 import responses as r
from fake_etcd.ctl.gotext import size, truth
from fake_etcd.ctl.printers.base import EndpointHash, EndpointHealth, EndpointStatus


@dataclass(frozen=True, slots=True)
class Rows:
    """Names of columns, and rows of as many cells."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def members(answer: r.MemberListResponse) -> Rows:
    """A member a row."""
    head = ("ID", "Status", "Name", "Peer Addrs", "Client Addrs", "Is Learner")
    return Rows(
        head,
        [
            (
                f"{member.id:x}",
                "started" if member.name else "unstarted",
                member.name,
                ",".join(member.peer_urls),
                ",".join(member.client_urls),
                truth(member.is_learner),
            )
            for member in answer.members
        ],
    )


def health(found: Sequence[EndpointHealth]) -> Rows:
    """An endpoint a row."""
    rows = [(each.endpoint, truth(each.is_healthy), each.took, each.error) for each in found]
    return Rows(("endpoint", "health", "took", "error"), rows)


_STATUS = (
    *("endpoint", "ID", "version", "storage version", "db size", "in use"),
    *("percentage not in use", "quota", "is leader", "is learner", "raft term", "raft index"),
    *("raft applied index", "errors", "downgrade target version", "downgrade enabled"),
)


def status(found: Sequence[EndpointStatus]) -> Rows:
    """An endpoint a row."""
    return Rows(_STATUS, [_status(each.endpoint, each.response) for each in found])


def _status(endpoint: str, told: r.StatusResponse) -> tuple[str, ...]:
    downgrade = told.downgrade_info or r.DowngradeInfo()
    unused = 100 - told.db_size_in_use * 100 // told.db_size if told.db_size else 0
    return (
        endpoint,
        f"{told.header.member_id:x}",
        told.version,
        told.storage_version,
        size(told.db_size),
        size(told.db_size_in_use),
        f"{unused}%",
        size(told.db_size_quota),
        truth(told.leader == told.header.member_id),
        truth(told.is_learner),
        str(told.raft_term),
        str(told.raft_index),
        str(told.raft_applied_index),
        ", ".join(told.errors),
        downgrade.target_version,
        truth(downgrade.enabled),
    )


def hashes(found: Sequence[EndpointHash]) -> Rows:
    """An endpoint a row."""
    rows = [
        (each.endpoint, str(each.response.hash), str(each.response.hash_revision)) for each in found
    ]
    return Rows(("endpoint", "hash", "hash_revision"), rows)
