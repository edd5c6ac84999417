"""The listener, with etcd's endpoints and pages, against h2spec, the conformance suite of HTTP/2.

`go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible` builds it; it is found on
the PATH, or where FAKE_ETCD_H2SPEC says; without it these tests are skipped. A limit of streams is
announced, since one of h2spec's cases goes beyond it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from functools import partial

import pytest

from fake_etcd.core.node import Node
from fake_etcd.services import mux, registry
from fake_etcd.transport import certificates
from fake_etcd.transport.listener import Limits, Server
from fake_etcd.transport.tls import FileSource, ServerTls

H2SPEC = os.environ.get("FAKE_ETCD_H2SPEC") or shutil.which("h2spec")


async def run_h2spec(path: str, tls: ServerTls | None) -> str:
    node = Node()
    limits = Limits(node.config.max_receive_bytes, max_concurrent_streams=100)
    server = Server(registry.endpoints(node), partial(mux.handle, node), limits)
    url = await server.listen(f"{'https' if tls else 'http'}://127.0.0.1:0", tls)
    options = ("-t", "-k") if tls else ()
    process = await asyncio.create_subprocess_exec(
        *(path, "-h", "127.0.0.1", "-p", url.rpartition(":")[2], "-o", "2", *options),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 120)
    finally:
        await server.close(0)
    return output.decode()


@pytest.mark.skipif(H2SPEC is None, reason="no h2spec: FAKE_ETCD_H2SPEC or PATH may name one")
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
def test_h2spec_finds_nothing_wrong(encrypted: bool, tmp_path: object) -> None:
    tls = None
    if encrypted:
        pair = certificates.new_authority().server(["localhost", "127.0.0.1"])
        for name, content in (("server.crt", pair.certificate), ("server.key", pair.key)):
            with open(f"{tmp_path}/{name}", "wb") as file:
                file.write(content)
        tls = ServerTls(FileSource(f"{tmp_path}/server.crt"), FileSource(f"{tmp_path}/server.key"))
    output = asyncio.run(run_h2spec(str(H2SPEC), tls))
    assert output.strip().splitlines()[-1] == "145 tests, 145 passed, 0 skipped, 0 failed", output
