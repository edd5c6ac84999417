"""The program that the client was asked for, as it stands."""

from __future__ import annotations

from typing import Any

from fake_etcd.testing import FakeEtcd

PROGRAM = """
from fake_etcd import clientv3
from fake_etcd.clientv3 import context, rpctypes

with clientv3.Client(clientv3.Config(endpoints=["localhost:2379", "localhost:22379", "localhost:32379"], dial_timeout=5.0)) as cli:
    ctx, cancel = context.with_timeout(context.background(), 1.0)
    try:
        resp = cli.put("sample_key", "sample_value", ctx=ctx)     # or timeout=1.0
    except context.Canceled: ...
    except context.DeadlineExceeded: ...
    except rpctypes.ErrEmptyKey: ...
    except clientv3.Error: ...                                    # bad endpoints, not etcd servers
    finally:
        cancel()
    resp.header.revision; cli.get("sample", prefix=True).kvs[0].value
    for user in cli.user_list_all(): user.name, user.roles        # the seed's --all; role_list_all() likewise
    with clientv3.concurrency.Session(cli, ttl=10) as s, clientv3.concurrency.Mutex(s, "/lock"): ...
"""  # noqa: E501


def test_it_runs(fake_etcd: FakeEtcd) -> None:
    program = PROGRAM.replace("localhost:2379", "localhost:1").replace(
        "localhost:22379", "localhost:2"
    )
    names: dict[str, Any] = {}
    exec(program.replace("localhost:32379", fake_etcd.endpoints[0]), names)
    assert names["resp"].header.revision > 1
    assert fake_etcd.store.get("sample_key") == b"sample_value"
    assert fake_etcd.store.items("/lock") == []
