"""The Election service: Campaign, Proclaim, Leader, Observe and Resign.

The leader of an election is the oldest key below its name, and what it proclaims is that key's
value.
etcd: server/etcdserver/api/v3election/election.go, client/v3/concurrency/election.go.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from fake_etcd.api import messages as m
from fake_etcd.api.errors import EtcdError
from fake_etcd.core.mvcc.prefixes import prefix_end
from fake_etcd.core.mvcc.watch import Events, Watcher
from fake_etcd.services.call import Call, Sink
from fake_etcd.services.own_client import (
    OwnClient,
    first_created,
    key_of,
    refusal,
    was_created_at,
)
from fake_etcd.services.turn import Queuing

_NOT_LEADER = "election: not leader"
_NO_LEADER = "election: no leader"
_NO_LEADER_KEY = '"leader" field must be provided'


def make_proclaim(client: OwnClient) -> Callable[[m.ProclaimRequest, Call], bytes]:
    """The handler of Proclaim."""

    def proclaim(request: m.ProclaimRequest, call: Call) -> bytes:
        """Raises: StatusError: there is no leader's key, or it leads no more; what LeaseGrant and
        Txn do, as `OwnClient` has it."""
        leader = _leader_of(request)
        lease = leader.lease or client.grant(call)
        _proclaim(client, call, leader.key, leader.rev, request.value, lease)
        return client.header()

    return proclaim


def make_resign(client: OwnClient) -> Callable[[m.ResignRequest, Call], bytes]:
    """The handler of Resign. To resign without leading is no mistake."""

    def resign(request: m.ResignRequest, call: Call) -> bytes:
        """Raises: StatusError: there is no leader's key; what LeaseGrant and Txn do, as
        `OwnClient` has it."""
        leader = _leader_of(request)
        if not leader.lease:
            client.grant(call)
        _resign(client, call, leader.key, leader.rev)
        return client.header()

    return resign


def make_leader(client: OwnClient) -> Callable[[m.LeaderRequest, Call], bytes]:
    """The handler of Leader."""

    def leader(request: m.LeaderRequest, call: Call) -> bytes:
        """Raises: StatusError: nobody leads; what Range does, as `OwnClient` has it."""
        answer = client.get(call, first_created(request.name + b"/"))
        if not answer.kvs:
            raise refusal(_NO_LEADER)
        return _shown(answer)

    return leader


def _leader_of(request: m.ProclaimRequest | m.ResignRequest) -> m.LeaderKey:
    if not request.HasField("leader"):
        raise refusal(_NO_LEADER_KEY)
    return request.leader


def _shown(answer: m.RangeResponse) -> bytes:
    """A LeaderResponse."""
    return m.LeaderResponse(header=answer.header, kv=answer.kvs[0]).SerializeToString()


def _proclaim(
    client: OwnClient, call: Call, key: bytes, rev: int, value: bytes, lease: int
) -> None:
    put = m.RequestOp(request_put=m.PutRequest(key=key, value=value, lease=lease))
    if not client.txn(
        call, m.TxnRequest(compare=[was_created_at(key, rev)], success=[put])
    ).succeeded:
        raise refusal(_NOT_LEADER)


def _resign(client: OwnClient, call: Call, key: bytes, rev: int) -> None:
    delete = m.RequestOp(request_delete_range=m.DeleteRangeRequest(key=key))
    client.txn(call, m.TxnRequest(compare=[was_created_at(key, rev)], success=[delete]))


class Campaign(Queuing):
    """Receiver of one Campaign.

    A caller that goes while it waits resigns, in nobody's name: so where there are users its key
    stays, as long as its lease does. Who loses its key while it waits is not told: it is elected
    when its turn comes, as etcd has it.
    """

    __slots__ = ("_lease", "_name", "_rev", "_revision")

    def __init__(self, client: OwnClient, call: Call, sink: Sink) -> None:
        super().__init__(client, call, sink)
        self._name = b""
        self._lease = self._rev = self._revision = 0

    def message(self, request: m.CampaignRequest) -> None:
        """Raises: what LeaseGrant, Txn and Range do, as `OwnClient` has it."""
        client, call = self._client, self._call
        self._name = request.name
        prefix = request.name + b"/"
        self._lease = request.lease or client.grant(call)
        self._key = key_of(prefix, self._lease)
        answer = client.txn(call, _stand(self._key, request.value, self._lease))
        # Also where a proclamation comes behind it, or a long time.
        self._rev = self._revision = answer.header.revision
        if not answer.succeeded:
            before = answer.responses[0].response_range.kvs[0]
            self._rev = before.create_revision
            if before.value != request.value:
                self._proclaim(request.value)
        self._wait(prefix, self._rev, self._answer)

    def _proclaim(self, value: bytes) -> None:
        """Raises: what it was refused for; the key is given up then."""
        try:
            _proclaim(self._client, self._call, self._key, self._rev, value, self._lease)
        except EtcdError:
            with contextlib.suppress(EtcdError):
                self._give_up(self._call)
            raise

    def _give_up(self, who: Call) -> None:
        _resign(self._client, who, self._key, self._rev)

    def _answer(self) -> None:
        leader = m.LeaderKey(name=self._name, key=self._key, rev=self._rev, lease=self._lease)
        response = m.CampaignResponse(leader=leader)
        header = self._client.node.header(self._revision)
        self._answer_with(header + response.SerializeToString())


def _stand(key: bytes, value: bytes, lease: int) -> m.TxnRequest:
    """Put the key unless it is there."""
    put = m.RequestOp(request_put=m.PutRequest(key=key, value=value, lease=lease))
    get = m.RequestOp(request_range=m.RangeRequest(key=key))
    return m.TxnRequest(compare=[was_created_at(key, 0)], success=[put], failure=[get])


class Observer:
    """Receiver of one Observe, and its watcher's `WatchStream`.

    It says who leads, then each value of that key; when the key is gone, who leads then. Where
    nobody does it waits for any key of the election. It ends without an error when it may not see
    what it has to.
    """

    __slots__ = ("_call", "_client", "_prefix", "_sink", "_watcher", "is_full")

    def __init__(self, client: OwnClient, call: Call, sink: Sink) -> None:
        self._client = client
        self._call = call
        self._sink = sink
        self._prefix = b""
        self._watcher: Watcher | None = None
        self.is_full = False

    def message(self, request: m.LeaderRequest) -> None:
        self._prefix = request.name + b"/"
        self._look()

    def half_close(self) -> None:
        """Nothing to do: the one message is what counts."""

    def writable(self) -> None:
        """What happened meanwhile may be told."""
        self.is_full = False
        self._client.node.watches.resume()

    def cancelled(self) -> None:
        """Nobody listens any more."""
        self._stop()

    def _look(self) -> None:
        """Say who leads, and watch its key; or watch for one."""
        try:
            answer = self._client.get(self._call, first_created(self._prefix))
        except EtcdError:
            self._sink.close()
            return
        start_revision = answer.header.revision + 1
        if answer.kvs:
            self._send(_shown(answer))
            self._watch(answer.kvs[0].key, None, start_revision)
        else:
            self._watch(self._prefix, prefix_end(self._prefix), start_revision)

    def _watch(self, key: bytes, range_end: bytes | None, start_revision: int) -> None:
        watcher = Watcher(self, 0, key, range_end, start_revision)
        try:
            self._client.watch(self._call, watcher)
        except EtcdError:
            self._sink.close()
        else:
            self._watcher = watcher

    def _stop(self) -> None:
        if self._watcher is not None:
            self._client.unwatch(self._watcher)
            self._watcher = None

    # WatchStream

    def tell(self, watcher: Watcher, events: Events, revision: int) -> None:
        # In the midst of somebody's write: from here on nothing is written, only read.
        header = self._client.node.header
        for event in events:
            version = event.version
            if watcher.range_end is not None:
                if version.is_tombstone:
                    continue
                self._stop()
                self._send(header(version.mod_revision) + version.field)
                self._watch(version.key, None, version.mod_revision + 1)
                return
            if version.is_tombstone:
                self._stop()
                self._look()
                return
            self._send(header(revision) + version.field)

    def tell_compacted(self, watcher: Watcher, compact_revision: int) -> None:
        """It reads too slowly: what comes next is gone."""
        self._stop()
        self._sink.close()

    def _send(self, message: bytes) -> None:
        if not self._sink.send(message):
            self.is_full = True
