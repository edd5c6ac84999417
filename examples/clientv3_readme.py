"""What the README of etcd's Go client shows, in Python: a put that takes a second at the most, and
each way in which it can fail.

    python -m examples.clientv3_readme                       # the three endpoints of that README
    python -m examples.clientv3_readme 127.0.0.1:41235       # or others
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fake_etcd import clientv3
from fake_etcd.clientv3 import context, rpctypes

ENDPOINTS = ("localhost:2379", "localhost:22379", "localhost:32379")
"""One that lives is enough."""


def main(endpoints: Sequence[str] = ENDPOINTS) -> str:
    """Connect, put a pair, and look what is there; what came of it."""
    config = clientv3.Config(endpoints=endpoints, dial_timeout=5.0)
    with clientv3.Client(config) as cli:
        ctx, cancel = context.with_timeout(context.background(), 1.0)
        told = put(cli, "sample_key", "sample_value", ctx)
        cancel()
        if told.startswith("revision"):
            for pair in cli.get("sample", prefix=True, timeout=1.0).kvs:
                told += f"\n{pair.key.decode()} = {pair.value.decode()}"
    return told


def put(cli: clientv3.Client, key: str, value: str, ctx: context.Context) -> str:
    """Give a key a value; what came of that, in the words of the README."""
    try:
        resp = cli.put(key, value, ctx=ctx)
    except context.Canceled as error:
        return f"ctx is canceled by another routine: {error}"
    except context.DeadlineExceeded as error:
        return f"ctx is attached with a deadline is exceeded: {error}"
    except rpctypes.ErrEmptyKey as error:
        return f"client-side error: {error}"
    except clientv3.Error as error:
        return f"bad cluster endpoints, which are not etcd servers: {error}"
    return f"revision {resp.header.revision}"


if __name__ == "__main__":
    print(main(sys.argv[1:] or ENDPOINTS))
