"""What docs/limits.md says of etcd's own limits on plaintext, as far as seconds can show it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance import oracle
from fake_etcd.transport.http2 import frames
from fake_etcd.transport.http2.frames import frame
from tests.transport import attacks
from tests.transport.attacks import Attack
from tests.transport.test_bad_peers_under_load import Attacker, Served
from tests.transport.wire import HELLO, Client, ping, request_fields

from .conftest import built

LAST_PING = b"the last"

BORNE = (
    attacks.ping_acks,
    attacks.empty_settings,
    attacks.settings_acks,
    attacks.priorities,
    attacks.unknown_frames,
    attacks.empty_data,
    attacks.rapid_reset,
    attacks.made_you_reset,
    attacks.malformed_requests,
    attacks.connection_window_by_crumbs,
    attacks.windows_moved_up_and_down,
)
"""Floods that end a connection here."""


def frame_of_more_than_16_kib(client: Client) -> Iterator[bytes]:
    yield frame(frames.DATA, 0, 1, bytes(16_385))


CUT = (
    attacks.too_large_a_table,
    attacks.initial_window_too_large,
    attacks.more_padding_than_frame,
    frame_of_more_than_16_kib,
)
"""What ends a connection there as well, without a word."""


@pytest.fixture(scope="module")
def etcd() -> Iterator[Served]:
    built(oracle.build)
    with oracle.start() as running:
        yield Served(int(running.url.rpartition(":")[2]), None, [])


def attacked(etcd: Served, attack: Attack) -> Attacker:
    """The attacker when it has its last ping's answer, or is cut."""
    attacker = Attacker(etcd)
    attacker.send(HELLO)
    for piece in attack(Client()):
        attacker.send(piece)
        if attacker.is_gone:
            break
    if not attacker.is_gone:
        attacker.send(ping(LAST_PING))
        attacker.read_until(LAST_PING)
    return attacker


@pytest.mark.parametrize("attack", BORNE, ids=lambda attack: attack.__name__)
def test_etcd_bears_what_ends_a_connection_here(etcd: Served, attack: Attack) -> None:
    attacker = attacked(etcd, attack)
    assert not attacker.is_gone
    assert frame(frames.PING, frames.FLAG_ACK, 0, LAST_PING) in bytes(attacker.answers)


@pytest.mark.parametrize("attack", CUT, ids=lambda attack: attack.__name__)
def test_etcd_cuts_without_a_word(etcd: Served, attack: Attack) -> None:
    attacker = attacked(etcd, attack)
    assert attacker.is_gone
    assert frame(frames.GOAWAY, 0, 0)[3:] not in bytes(attacker.answers)


def test_pings_are_told_of_before_any_flood_of_them(etcd: Served) -> None:
    attacker = Attacker(etcd)
    attacker.send(HELLO + ping() * 10)
    attacker.read_until(b"too_many_pings")
    assert b"\0\0\0\x0btoo_many_pings" in bytes(attacker.answers)
    assert bytes(attacker.answers).count(frame(frames.PING, frames.FLAG_ACK, 0, b"12345678")) < 10


def test_etcd_takes_header_fields_of_16_mib_less_a_few(etcd: Served) -> None:
    value = b"v" * (16 * 2**20 - 1_000)
    length = len(value) - 127
    varint = bytes((length & 127 | 128, length >> 7 & 127 | 128, length >> 14 & 127 | 128))

    def huge(client: Client) -> Iterator[bytes]:
        left = client.block(request_fields()) + b"\x00\x01x\x7f" + varint + b"%c" % (length >> 21)
        left += value
        kind = frames.HEADERS
        while left:
            piece, left = left[:16_384], left[16_384:]
            yield frame(kind, 0 if left else frames.FLAG_END_HEADERS, 1, piece)
            kind = frames.CONTINUATION

    attacker = attacked(etcd, huge)
    assert not attacker.is_gone


def test_etcd_announces_no_window_and_no_header_list(etcd: Served) -> None:
    attacker = attacked(etcd, lambda client: iter(()))
    max_frame_size = bytes.fromhex("000500004000")
    assert bytes(attacker.answers).startswith(frame(frames.SETTINGS, 0, 0, max_frame_size))
