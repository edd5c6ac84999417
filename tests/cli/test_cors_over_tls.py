"""What --cors does to gRPC over TLS, where net/http is in front of it: ours, and real etcd."""

from __future__ import annotations

from pathlib import Path

import pytest

from fake_etcd.api import messages as m
from tests.transport.wire import data, message, request_fields

from .test_stop import PUT, SERVERS, Socket, pytestmark, running

__all__ = ["pytestmark"]

ALLOWED = [
    ("access-control-allow-headers", "accept, content-type, authorization"),
    ("access-control-allow-methods", "POST, GET, OPTIONS, PUT, DELETE"),
]
ORIGINS = {
    "http://a.example:1": [*ALLOWED, ("access-control-allow-origin", "http://a.example:1")],
    "http://b.example:1": [],
    "": [],
}


@pytest.mark.parametrize("server", SERVERS)
def test_only_scripts_of_its_origins_may_read_an_answer(server: object, tmp_path: Path) -> None:
    assert callable(server)
    command = (*server(), "--auto-tls", "--cors=http://a.example:1")
    with running(command, tmp_path / "data", "https") as (_, url):
        client = Socket(url)
        put = m.PutRequest(key=b"k").SerializeToString()
        seen = {}
        for number, origin in enumerate(ORIGINS):
            stream_id = 2 * number + 1
            more = [("origin", origin)] if origin else []
            client.send(client.client.headers(stream_id, request_fields(PUT, *more)))
            client.send(data(stream_id, message(put), end=True))
            answers = client.until(("HEADERS", stream_id), ("DATA", stream_id))
            fields = next(each[2] for each in answers if each[:2] == ("HEADERS", stream_id))
            assert isinstance(fields, list)
            seen[origin] = [field for field in fields if field[0].startswith("access-control-")]
        client.close()
    assert seen == ORIGINS
