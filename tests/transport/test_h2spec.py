"""The connection against h2spec, the conformance suite of HTTP/2; skipped where there is none.

`go install github.com/summerwind/h2spec/cmd/h2spec@latest` builds it; it is found on the PATH, or
where FAKE_ETCD_H2SPEC says. Behind the connection is a plain application: a gRPC server refuses
h2spec's requests for having no content type before half of its tests have begun.
"""

from __future__ import annotations

import asyncio
import os
import shutil

import pytest

from .applications import PlainApplication

H2SPEC = os.environ.get("FAKE_ETCD_H2SPEC") or shutil.which("h2spec")


class PlainProtocol(asyncio.Protocol):
    """A socket with a `PlainApplication` behind it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._http2 = PlainApplication(b"a body of some bytes", max_concurrent_streams=100).http2

    def data_received(self, data: bytes) -> None:
        self._http2.receive(data)
        while out := self._http2.take_output():
            self._transport.write(out)
        if self._http2.is_done:
            self._transport.close()


async def run_h2spec(path: str) -> str:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(PlainProtocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(path, "-h", "127.0.0.1", "-p", str(port), "-o", "2"),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    server.close()
    return output.decode()


@pytest.mark.skipif(H2SPEC is None, reason="no h2spec: FAKE_ETCD_H2SPEC or PATH may name one")
def test_h2spec_finds_nothing_wrong():
    output = asyncio.run(run_h2spec(str(H2SPEC)))
    assert output.strip().splitlines()[-1] == "145 tests, 145 passed, 0 skipped, 0 failed", output
