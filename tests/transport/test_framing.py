"""HTTP/1.1 requests end where real etcd has them end, or end the connection as there."""

from __future__ import annotations

from functools import partial

import pytest

from fake_etcd.core.node import Node
from fake_etcd.services import mux
from fake_etcd.transport.http1 import Http1Connection

from .framing import CASES, PROBE, outcome

ALL = [pytest.param(*case, id=name) for name, case in CASES.items()]


NODE = Node()


def answer(sent: bytes, piece: int) -> str:
    http1 = Http1Connection(partial(mux.handle, NODE))
    out = b"".join(
        http1.receive(sent[start : start + piece]) for start in range(0, len(sent), piece)
    )
    return outcome(out + http1.eof())


@pytest.mark.parametrize(("sent", "expected"), ALL)
def test_a_request_ends_where_etcd_has_it_end(sent: bytes, expected: str):
    for piece in (len(sent) + len(PROBE), 7, 1):
        assert answer(sent + PROBE, piece) == expected
