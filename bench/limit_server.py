"""Our transport with handlers that do nothing; run as `python -m bench.limit_server`.

Every KV call gets a constant answer, encoded beforehand: what is left is HTTP/2, gRPC and the
event loop, the physical limit of whatever runs on them.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable

from google.protobuf.message import Message

from fake_etcd.api import messages
from fake_etcd.api.methods import METHODS
from fake_etcd.core.node import Node, NodeConfig
from fake_etcd.services import mux
from fake_etcd.services.call import Call, Endpoint
from fake_etcd.transport.listener import Limits, Server

SPAN = 1000
"""Keys in the answer to every range with an end, as many as the scenario asks for."""


def _key_values(count: int) -> bytes:
    header = messages.ResponseHeader(cluster_id=1, member_id=1, revision=2, raft_term=2)
    pair = {"create_revision": 2, "mod_revision": 2, "version": 1}
    kvs = [
        messages.KeyValue(key=b"bench/%026d" % i, value=b"0123456789" * 10, **pair)
        for i in range(count)
    ]
    return messages.RangeResponse(header=header, kvs=kvs, count=count).SerializeToString()


def _range() -> Callable[[Message, Call], bytes]:
    one, many = _key_values(1), _key_values(SPAN)

    def handle(request: Message, call: Call) -> bytes:
        assert isinstance(request, messages.RangeRequest)
        return many if request.range_end else one

    return handle


def _constant(answer: Message) -> Callable[[Message, Call], bytes]:
    encoded = answer.SerializeToString()
    return lambda request, call: encoded


def endpoints() -> dict[str, Endpoint]:
    """The three methods that the bench calls."""
    header = messages.ResponseHeader(cluster_id=1, member_id=1, revision=2, raft_term=2)
    put = messages.PutResponse(header=header)
    txn = messages.TxnResponse(
        header=header, succeeded=True, responses=[messages.ResponseOp(response_put=put)]
    )
    handlers = {"Range": _range(), "Put": _constant(put), "Txn": _constant(txn)}
    paths = {f"/etcdserverpb.KV/{name}": handler for name, handler in handlers.items()}
    return {path: Endpoint(METHODS[path], unary=handler) for path, handler in paths.items()}


async def serve() -> None:
    """Listen on a free port, say which, and serve until the process is ended."""
    node = Node(NodeConfig())
    handle = functools.partial(mux.handle, node)
    server = Server(endpoints(), handle, Limits(node.config.max_receive_bytes))
    print(f"listening on {await server.listen('http://127.0.0.1:0')}", flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve())
