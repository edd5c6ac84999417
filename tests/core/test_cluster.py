"""Ids of members and clusters, against what real etcd 3.7.3 reported for the same flags."""

from __future__ import annotations

import doctest
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fake_etcd.core import cluster


class Recorded(NamedTuple):
    """What etcd was started with and what its member list said."""

    peer_urls: tuple[str, ...]
    token: str
    member: int
    cluster: int


RECORDED = [
    Recorded(("http://localhost:2380",), "etcd-cluster", 0x8E9E05C52164694D, 0xCDF818194E3A8C32),
    Recorded(("http://127.0.0.1:24111",), "tok1", 15145680660387965779, 169163373957687057),
    Recorded(
        ("http://127.0.0.1:24116", "http://127.0.0.1:24115"),
        "x",
        6212390254723959740,
        4491022553617077660,
    ),
    Recorded(
        ("http://LOCALHOST:24119",), "etcd-cluster", 8858695174267530173, 14778615035090877262
    ),
    Recorded(("http://127.0.0.1:24123",), "", 17747931811100640776, 8498873460525140161),
]


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.token or "no token")
def test_ids_are_those_that_etcd_reported(recorded: Recorded) -> None:
    member = cluster.member_id(recorded.peer_urls, recorded.token)
    assert member == recorded.member
    assert cluster.cluster_id([member]) == recorded.cluster


def test_a_url_is_taken_as_go_prints_it() -> None:
    assert cluster.member_id([" HTTP://LOCALHOST:24119 "], "etcd-cluster") == RECORDED[3].member


@given(st.permutations([f"http://10.0.0.{i}:2380" for i in range(4)]))
def test_the_order_of_peer_urls_does_not_matter(urls: list[str]) -> None:
    assert cluster.member_id(urls, "t") == cluster.member_id(sorted(urls), "t")


@given(st.lists(st.integers(0, 2**64 - 1), unique=True).flatmap(st.permutations))
def test_the_order_of_members_does_not_matter(members: list[int]) -> None:
    assert cluster.cluster_id(members) == cluster.cluster_id(sorted(members))


@given(
    member=st.integers(0, 2**64 - 1),
    milliseconds=st.integers(1_700_000_000_000, 2_199_023_255_551),
    count=st.integers(0, 255),
)
def test_request_ids_have_the_announced_size(member: int, milliseconds: int, count: int) -> None:
    """Any instant from 2023 to 2039 in the id that etcd's generator would make of it."""
    suffix = (milliseconds % 2**40) << 8 | count
    request_id = (member & 0xFFFF) << 48 | suffix
    groups_of_seven_bits = max(1, -(-request_id.bit_length() // 7))
    assert cluster.request_id_size(member) == groups_of_seven_bits


def test_members_of_three_are_those_that_etcd_listed() -> None:
    initial = (
        ("m2", ("http://127.0.0.1:51263",)),
        ("m0", ("http://127.0.0.1:54115",)),
        ("m1", ("http://127.0.0.1:58275",)),
    )
    members = cluster.members(initial, "etcd-cluster")
    assert members == (
        cluster.Member(11478861764824205492, "m0", ("http://127.0.0.1:54115",)),
        cluster.Member(14703964557179353379, "m1", ("http://127.0.0.1:58275",)),
        cluster.Member(16923656578532952172, "m2", ("http://127.0.0.1:51263",)),
    )
    assert cluster.cluster_id(each.id for each in members) == 0x632484AFE6D963C5


def test_peer_urls_of_a_member_are_in_order() -> None:
    (member,) = cluster.members((("a", ("http://b:1", "http://a:1")),), "t")
    assert member.peer_urls == ("http://a:1", "http://b:1")


def test_the_examples_in_the_docstrings() -> None:
    assert doctest.testmod(cluster) == (0, 5)
