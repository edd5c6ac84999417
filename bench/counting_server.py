"""A server that counts its calls for metrics, or one that does not: run as
`python -m bench.counting_server on|off`.

All else is the same, so what lies between the two is what counting costs.
"""

from __future__ import annotations

import asyncio
import functools
import sys

from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import mux, registry
from fake_etcd.transport.listener import Limits, Server


async def serve(counts: bool) -> None:
    """Listen on a free port, say which, and serve until the process is ended."""
    node = Node(NodeConfig())
    endpoints = registry.endpoints(node) if counts else registry.uncounted(node)
    handle = functools.partial(mux.handle, node)
    server = Server(endpoints, handle, Limits(node.config.max_receive_bytes))
    print(f"listening on {await server.listen('http://127.0.0.1:0')}", flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve({"on": True, "off": False}[sys.argv[1]]))
