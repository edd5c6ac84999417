"""Where a call's time and a key's memory go, inside one process: `python -m bench.micro`.

No sockets, no other server: handlers and store are called as the transport calls them. Figures
are the best of several rounds, in microseconds; the bars are `python -m bench`'s business.
"""

from __future__ import annotations

import gc
import random
import sys
import timeit
from collections.abc import Callable

from fake_etcd.api import messages
from fake_etcd.api.methods import METHODS
from fake_etcd.core.mvcc import Store
from fake_etcd.core.node import Node
from fake_etcd.services import registry
from fake_etcd.services.call import Call
from fake_etcd.testing import FakeEtcd

VALUE = b"x" * 100
RANGE, PUT, TXN = (METHODS[f"/etcdserverpb.KV/{name}"] for name in ("Range", "Put", "Txn"))


def key(number: int) -> bytes:
    return b"%032d" % number


def cost(action: Callable[[], object], calls: int = 1_000, rounds: int = 7) -> float:
    """Microseconds of one call: the best round's mean."""
    return min(timeit.repeat(action, number=calls, repeat=rounds)) / calls * 1e6


def requests() -> dict[str, tuple[str, bytes]]:
    """What is asked, as path and encoded request."""
    put = messages.PutRequest(key=key(3_000), value=VALUE)
    compare = messages.Compare(
        key=key(3_000), target=messages.Compare.MOD, result=messages.Compare.GREATER
    )
    txn = messages.TxnRequest(compare=[compare], success=[messages.RequestOp(request_put=put)])
    thousand = messages.RangeRequest(key=key(3_000), range_end=key(4_000))
    return {
        "get": (RANGE.path, messages.RangeRequest(key=key(3_000)).SerializeToString()),
        "put": (PUT.path, put.SerializeToString()),
        "txn (compare and put)": (TXN.path, txn.SerializeToString()),
        "range of 1,000 keys": (RANGE.path, thousand.SerializeToString()),
    }


def handler_costs() -> dict[str, float]:
    """Decoding and handling of each request, 10,000 keys in the store."""
    node = Node()
    for number in range(10_000):
        node.store.put(key(number), VALUE)
    endpoints = registry.endpoints(node)
    costs = {}
    for title, (path, encoded) in requests().items():
        method, handler = endpoints[path].method, endpoints[path].unary
        assert handler is not None, "these methods answer at once"
        parse, call = method.request.FromString, Call(method)

        def serve(
            handler: Callable[..., bytes] = handler,
            parse: Callable[[bytes], object] = parse,
            encoded: bytes = encoded,
            call: Call = call,
        ) -> bytes:
            return handler(parse(encoded), call)

        costs[title] = cost(serve)
    return costs


def history_cost() -> float:
    """What a FakeEtcd's history adds to a call."""
    with FakeEtcd() as etcd:
        plain = registry.endpoints(etcd.node)[PUT.path].unary
        recorded = etcd.history.layer(registry.endpoints(etcd.node))[PUT.path].unary
        assert plain is not None, "it answers at once"
        assert recorded is not None, "so it does recorded"
        request, call = messages.PutRequest(key=key(1), value=VALUE), Call(PUT)
        without = cost(lambda: plain(request, call))
        return cost(lambda: recorded(request, call)) - without


def range_costs(size: int) -> tuple[float, float]:
    """A range of 100 keys at random places among `size`, and its dictionary look-ups alone."""
    store = Store()
    for number in range(size):
        store.put(key(number), VALUE)
    live = {key(number): VALUE for number in range(size)}
    places = [random.randrange(size - 100) for _ in range(1_000)]
    ends = [(key(place), key(place + 100)) for place in places]
    keys = list(live)
    spans = [keys[place : place + 100] for place in places]

    def ranges() -> None:
        for start, end in ends:
            store.range(start, end)

    def look_ups() -> None:
        for span in spans:
            for each in span:
                live[each]

    return cost(ranges, 1) / len(places), cost(look_ups, 1) / len(places)


def key_memory() -> dict[str, int]:
    """Bytes of the objects that one key with a value of 100 bytes is made of."""
    store = Store()
    store.put(key(1), VALUE)
    version = store.range(key(1), None).versions[0]
    header = 16  # the garbage collector's, before each object that it knows
    return {
        "encoded version": sys.getsizeof(version.field),
        "version object": sys.getsizeof(version) + header,
        "its revision": sys.getsizeof(1_000_000),
        "key": sys.getsizeof(key(1)),
    }


def main() -> None:
    gc.disable()
    print("| decoded and handled | µs |\n| --- | --- |")
    for title, microseconds in handler_costs().items():
        print(f"| {title} | {microseconds:.1f} |")
    print(f"\nWhat a history adds to a call: {history_cost():.1f} µs")
    print("\n| keys in the store | range of 100, µs | 100 look-ups, µs |\n| --- | --- | --- |")
    for size in (1_000, 10_000, 100_000, 1_000_000):
        whole, look_ups = range_costs(size)
        print(f"| {size:,} | {whole:.1f} | {look_ups:.1f} |")
    print("\n| of one key | bytes |\n| --- | --- |")
    for part, size in key_memory().items():
        print(f"| {part} | {size} |")


if __name__ == "__main__":
    main()
