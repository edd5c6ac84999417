"""The handlers of Lock and Election, which share a client of etcd's own.

etcd: server/embed/etcd.go and serve.go (where both are given `v3client.New`).
"""

from __future__ import annotations

from typing import cast

from fake_etcd.core.node import Node
from fake_etcd.services import election, lock
from fake_etcd.services.call import Call, Receiver, Sink, StreamHandler, UnaryHandler
from fake_etcd.services.own_client import OwnClient


def unary(node: Node) -> dict[str, UnaryHandler]:
    """Handlers that answer at once, by their names in the method table."""
    client = OwnClient(node)
    handlers = {
        "unlock": lock.make_unlock(client),
        "proclaim": election.make_proclaim(client),
        "leader": election.make_leader(client),
        "resign": election.make_resign(client),
    }
    # Each takes its own request class; the transport decodes that very class from the table.
    return cast(dict[str, UnaryHandler], handlers)


def streams(node: Node) -> dict[str, StreamHandler]:
    """Handlers that answer in more than one piece or later, by their names in the method table."""
    client = OwnClient(node)  # one, for their watchers share a stream

    # As in `unary`: each takes its own request class.
    def open_lock(call: Call, sink: Sink) -> Receiver:
        return cast(Receiver, lock.Locking(client, call, sink))

    def open_campaign(call: Call, sink: Sink) -> Receiver:
        return cast(Receiver, election.Campaign(client, call, sink))

    def open_observe(call: Call, sink: Sink) -> Receiver:
        return cast(Receiver, election.Observer(client, call, sink))

    return {"lock": open_lock, "campaign": open_campaign, "observe": open_observe}
