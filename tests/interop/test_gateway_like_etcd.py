"""Random JSON for random routes of the gateway: ours and real etcd answer alike.

Both servers see the same requests from the beginning, so that revisions are the same as well.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import servers
from conformance import oracle
from fake_etcd.api.methods import METHODS
from fake_etcd.transport.gateway.fields import table_of

from ..transport.gateway.strategies import jsons
from .conftest import built

SECONDS = 20.0

_NAMES = (
    *(f"etcdserverpb.KV/{name}" for name in ("Range", "Put", "DeleteRange", "Txn", "Compact")),
    *(f"etcdserverpb.Lease/{name}" for name in ("LeaseGrant", "LeaseRevoke", "LeaseKeepAlive")),
    "etcdserverpb.Lease/LeaseTimeToLive",
    *(f"etcdserverpb.Auth/Role{name}" for name in ("Add", "Get", "List", "Delete")),
    *(f"etcdserverpb.Auth/Role{name}" for name in ("GrantPermission", "RevokePermission")),
    *(f"etcdserverpb.Auth/User{name}" for name in ("Get", "List", "Delete", "GrantRole")),
    "etcdserverpb.Auth/AuthStatus",
)
"""What changes nothing that later answers hide, and does not wait."""

_METHODS = [METHODS[f"/{name}"] for name in _NAMES]
_DIFFERING = re.compile(r'"(cluster_id|member_id|raft_term|ID|TTL|lease)":"-?[0-9]+"')
_SPACES = re.compile(r"proto:[ \xa0]")

Answer = tuple[int, str]


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[str, str]]:
    built(oracle.build)
    with servers.ours() as ours, oracle.start() as etcd:
        yield urlsplit(ours.url).netloc, urlsplit(etcd.url).netloc


def ask(address: str, path: str, body: bytes) -> Answer:
    connection = http.client.HTTPConnection(address, timeout=SECONDS)
    try:
        connection.request("POST", path, body)
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    text = text.replace('", "', '","').replace("}, {", "},{")
    return response.status, _SPACES.sub("proto: ", _DIFFERING.sub(r'"\1":""', text))


requests = st.sampled_from(_METHODS).flatmap(
    lambda method: st.tuples(
        st.just(method.gateway), jsons(table_of(method.request), 4, is_odd=True).map(_encoded)
    )
)
damages = st.lists(
    st.tuples(st.integers(0, 500), st.binary(max_size=2) | st.sampled_from([b'"', b"{", b","])),
    max_size=2,
)


def _encoded(content: dict[str, object]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


@settings(
    max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), print_blob=False
)
@given(requests, damages)
def test_random_requests_have_the_same_answers(
    both: tuple[str, str], request: tuple[str, bytes], damage: list[tuple[int, bytes]]
) -> None:
    path, body = request
    for at, piece in damage:
        at %= len(body) or 1
        body = body[:at] + piece + body[at + 1 :]
    ours, etcds = (ask(address, path, body) for address in both)
    assert ours == etcds
