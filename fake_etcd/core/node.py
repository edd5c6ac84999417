"""One etcd member: its configuration and ids, the store it owns, and what of its work is due.

Services call a node; whoever hosts it (a listener's loop, a test) tells it the time and runs what
is due. Nothing here knows requests, sockets or a clock.
etcd: server/etcdserver/server.go, server/etcdserver/api/v3rpc/header.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from fake_etcd.core import cluster
from fake_etcd.core.alarm import Alarms
from fake_etcd.core.auth.providers import make_tokens
from fake_etcd.core.auth.store import AuthStore
from fake_etcd.core.auth.token_options import DEFAULT_TTL_SECONDS, AuthTokenOptions, PlainTokens
from fake_etcd.core.auto_compaction import PeriodicCompaction, RevisionCompaction
from fake_etcd.core.clock import Clock, VirtualClock
from fake_etcd.core.counts import Counts
from fake_etcd.core.db_size import DbSize
from fake_etcd.core.downgrade import Versions
from fake_etcd.core.ids import IdSource
from fake_etcd.core.journal import Journal, Snapshot
from fake_etcd.core.lease import Lessor
from fake_etcd.core.membership import Membership
from fake_etcd.core.mvcc.encoding import varint
from fake_etcd.core.mvcc.reading import Reading
from fake_etcd.core.mvcc.store import Store
from fake_etcd.core.mvcc.watch import WatchHub
from fake_etcd.core.noise import Noise
from fake_etcd.core.quota import Quota
from fake_etcd.core.schedule import Schedule
from fake_etcd.core.small_buckets import SmallBuckets

COMPACTION_SLICE_RECORDS = 2_000
"""Records that one `run_due` looks at: about two milliseconds, so nobody waits for longer."""

HISTORY_SLICE_VERSIONS = 2_000
"""Versions that one `run_due` reads for watchers that catch up: two to four milliseconds."""

_FIRST_SLICES = 6
_FIRST_SLICE_RECORDS = 1_000
"""What of a reading is done before anybody else is let in: all, where that is little."""

_REVISION_PAGE = 128  # headers made at once: revisions that differ in a varint's first byte only


_GRPC_OVERHEAD_BYTES = 512 * 1024

_FIRST_ENTRIES = 3  # of the log, beside those of members

Work = Callable[[], Callable[[], None]]
"""Something long, and then something with the node."""


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """What a member is started with; defaults are etcd's.

    Args:
        name: `--name`.
        initial_advertise_peer_urls: `--initial-advertise-peer-urls`; with the token they make the
            member's and the cluster's id.
        initial_cluster_token: `--initial-cluster-token`.
        initial_cluster: `--initial-cluster`: all members, this one among them by its name, with
            the URLs that make its id then. Empty: this one alone.
        advertise_client_urls: `--advertise-client-urls`, what a member list shows.
        max_request_bytes: `--max-request-bytes`, the largest write that is accepted.
        max_txn_ops: `--max-txn-ops`, per branch of a transaction.
        heartbeat_interval_ms: `--heartbeat-interval`.
        election_timeout_ms: `--election-timeout`; leases live for one and a half of it at least.
        progress_notify_interval_seconds: `--watch-progress-notify-interval`.
        auto_compaction_period_seconds: `--auto-compaction-retention` where that is a duration.
        auto_compaction_revisions: the same where it is a number of revisions. 0: no compaction.
        auth_token: `--auth-token`, read.
        auth_token_ttl_seconds: `--auth-token-ttl`, how long an unused simple token lives.
        quota_backend_bytes: `--quota-backend-bytes`; 0 for etcd's default, less for none.
        max_learners: `--max-learners`.
        strict_reconfig_check: `--strict-reconfig-check`, whether a change of members is refused
            that would leave too few of them.
        bcrypt_cost: `--bcrypt-cost`, the logarithm of the rounds that a password is hashed with.
        client_cert_auth: `--client-cert-auth`; the common name of a client's certificate is its
            user then, where it has no token.
        extensive_metrics: `--metrics=extensive`: calls are timed.
        unix_epoch: the Unix time at the zero of the member's clock, in seconds.
        seed: what `Node.noise` begins with.
        secret_bytes: gives so many bytes that nobody can guess, for tokens and salts. None: they
            come from `Node.noise`, so that a run can be repeated.
    """

    name: str = "default"
    initial_advertise_peer_urls: tuple[str, ...] = ("http://localhost:2380",)
    initial_cluster_token: str = "etcd-cluster"
    initial_cluster: cluster.InitialCluster = ()
    advertise_client_urls: tuple[str, ...] = ()
    max_request_bytes: int = 1_572_864
    max_txn_ops: int = 128
    heartbeat_interval_ms: int = 100
    election_timeout_ms: int = 1000
    progress_notify_interval_seconds: float = 600.0
    auto_compaction_period_seconds: float = 0.0
    auto_compaction_revisions: int = 0
    auth_token: AuthTokenOptions = PlainTokens.SIMPLE
    auth_token_ttl_seconds: float = DEFAULT_TTL_SECONDS
    quota_backend_bytes: int = 0
    max_learners: int = 1
    strict_reconfig_check: bool = True
    bcrypt_cost: int = 10
    client_cert_auth: bool = False
    extensive_metrics: bool = False
    unix_epoch: float = 0.0
    seed: int = 0
    secret_bytes: Callable[[int], bytes] | None = None

    @property
    def max_receive_bytes(self) -> int:
        """The largest gRPC message that is read (etcd: config.go, MaxRequestBytesWithOverhead)."""
        return self.max_request_bytes + _GRPC_OVERHEAD_BYTES

    @property
    def min_lease_ttl_seconds(self) -> int:
        """What shorter leases are extended to (etcd: server.go, NewServer, minTTL)."""
        election_ticks = self.election_timeout_ms // self.heartbeat_interval_ms
        return -(-(3 * election_ticks // 2 * self.heartbeat_interval_ms) // 1000)


@dataclass(frozen=True, slots=True)
class NodeSnapshot:
    """A moment that `Node.restore` can go back to.

    Args:
        journal: the same for what is journaled.
        noise: the state of `Node.noise`.
        raft_index: `Node.raft_index`.
        db_pages: how large `Node.db_size` had ever been.
    """

    journal: Snapshot
    noise: int
    raft_index: int
    db_pages: int


class Node:
    """A member with its state.

    Args:
        config: what it is started with.
        clock: what tells it the time; without one it has a still one of its own.

    Attributes:
        clock: the same.
        store: the keys. Change it through the node where the node has a method for it.
        lessor: the leases.
        ids: where the ids of leases come from that a client leaves to the member.
        watches: who is told of changes.
        counts: what it has counted, for its metrics.
        schedule: calls to be made later; the node makes them when their time has come.
        journal: undo, for everything this node owns.
        member_id, cluster_id: as etcd computes them, 64 bits.
        membership: who is in the cluster, and changes of that.
        raft_index: how many entries etcd's log would have: it begins with one for each member, one
            of the election, one in which this member says its URLs and one for the version of the
            cluster; then comes one for each request that is proposed to the cluster.
        db_size: how large etcd's database would be.
        quota: how large it may become.
        alarms: what is wrong, and forbids changes.
        versions: which version the cluster is of, and is to become.
        raft_term: 2, the term of a single member after its first election.
        header_prefix: the fields of a ResponseHeader before the revision, encoded.
        header_without_revision: as `header`, for the answer that has revision 0 in it.
        noise: what has to differ between servers; another `NodeConfig.seed`, other numbers.
        tokens: what users are known by once they have said their passwords.
        auth: users and roles.
        restores: how often it has gone back to a snapshot.
        on_due: called when there may be work for `run_due` sooner than before. The host sets it.
        aside: does work that takes long and touches nothing of the node, then calls what that
            returns, while nobody else uses the node. At once, unless the host sets another.
    """

    def __init__(self, config: NodeConfig | None = None, clock: Clock | None = None) -> None:
        self.config = config or NodeConfig()
        self.clock = clock or VirtualClock()
        self.journal = Journal()
        self.store = Store(self.journal)
        self.watches = WatchHub(self.store)
        self.watches.on_work = self._work_came
        self.noise = Noise(self.config.seed)
        self.counts = Counts()
        self.schedule = Schedule()
        self.schedule.on_sooner = self._work_came
        members = cluster.members(_initial_cluster(self.config), self.config.initial_cluster_token)
        self.member_id = _id_of(self.config.name, members)
        self.membership = Membership(
            members,
            self.member_id,
            self.journal,
            max_learners=self.config.max_learners,
            is_strict=self.config.strict_reconfig_check,
        )
        self.raft_index = len(members) + _FIRST_ENTRIES
        self.alarms = Alarms(self.journal)
        self.versions = Versions(self)
        self.ids = IdSource(self.member_id, self.config.seed, self.journal)
        self.lessor = Lessor(self.store, self.config.min_lease_ttl_seconds, self.clock.now())
        self.lessor.on_sooner = self._work_came
        self.cluster_id = cluster.cluster_id(member.id for member in members)
        self.raft_term = 2
        self.header_prefix = b"\x08" + _varint64(self.cluster_id)
        self.header_prefix += b"\x10" + _varint64(self.member_id)
        self.secret_bytes = self.config.secret_bytes or self.noise.bytes
        self.tokens = make_tokens(self.config, self.clock, self.journal, self.secret_bytes)
        self.auth = AuthStore(self.journal, self.tokens)
        beside = SmallBuckets(self.lessor, self.auth, self.alarms)
        self.db_size = DbSize(self.store, beside)
        self.quota = Quota(self.config.quota_backend_bytes, self.db_size)
        self.restores = 0
        self.on_due: Callable[[], None] = _nobody
        self.aside: Callable[[Work], None] = _at_once
        self._auto_compaction: PeriodicCompaction | RevisionCompaction | None = None
        if self.config.auto_compaction_period_seconds:
            period = self.config.auto_compaction_period_seconds
            self._auto_compaction = PeriodicCompaction(self, period)
        elif self.config.auto_compaction_revisions:
            retention = self.config.auto_compaction_revisions
            self._auto_compaction = RevisionCompaction(self, retention)
        self._compaction_waiters: tuple[tuple[int, Callable[[], None]], ...] = ()
        self._readings: tuple[tuple[Reading, Callable[[], None]], ...] = ()
        self._header_page: list[bytes] = []
        self._set_headers()

    @property
    def members(self) -> tuple[cluster.Member, ...]:
        """All of the cluster, without what a running member tells of itself."""
        return self.membership.all

    def header(self, revision: int) -> bytes:
        """Field 1 of an answer: tag, length and ResponseHeader with this revision (1 or more).

        Headers are made for 128 revisions in a row at a time, so one costs a list look-up: 0.1 us.
        """
        if revision >> 7 != self._header_page_number:
            self._turn_to_page(revision >> 7)
        return self._header_page[revision & 0x7F]

    def _work_came(self) -> None:
        self.on_due()

    def _turn_to_page(self, number: int) -> None:
        """A varint has its lowest seven bits first; a page holds all of them over one rest."""
        if number:
            rest = varint(number) + self._header_suffix
            revisions = [bytes((low | 0x80,)) + rest for low in range(_REVISION_PAGE)]
        else:
            revisions = [bytes((low,)) + self._header_suffix for low in range(_REVISION_PAGE)]
        body = self.header_prefix + b"\x18"
        start = b"\x0a" + varint(len(body) + len(revisions[0])) + body
        self._header_page = [start + revision for revision in revisions]
        self._header_page_number = number

    def go_on(self, raft_index: int, raft_term: int) -> None:
        """Be the member that stopped with this log: another election, and what follows one.

        Args:
            raft_index: its last entry. The election makes one, and the member's URLs another.
            raft_term: of that entry.
        """
        self.raft_index = max(raft_index, 0) + 2
        self.raft_term = raft_term + 1
        self._set_headers()

    def _set_headers(self) -> None:
        self._header_suffix = b"\x20" + varint(self.raft_term)
        body = self.header_prefix + self._header_suffix
        self.header_without_revision = b"\x0a" + varint(len(body)) + body
        self._header_page_number = -1

    def lease_exists(self, lease: int) -> bool:
        """Whether a key can be attached to this lease."""
        return self.lessor.lookup(lease) is not None

    @property
    def current_revision(self) -> int:
        """The store's."""
        return self.store.current_revision

    def compact(self, revision: int) -> None:
        """Forgets what was superseded at `revision`; at once for readers, in slices in memory.

        Raises:
            errors.COMPACTED, errors.FUTURE_REV: as `Store.compact`.
            errors.CORRUPT: there is an alarm.
        """
        self.alarms.check_change()
        self._compact(revision, leaves_hash=True)
        self.store.ranges += 1  # etcd reads the revision for its answer, and counts that

    def resume_compaction(self, revision: int) -> None:
        """Does the rest of one that was not through when what is loaded was saved. It leaves no
        hash, for it may have begun."""
        self._compact(revision, leaves_hash=False)

    def _compact(self, revision: int, leaves_hash: bool) -> None:
        self.db_size.note()  # while all is there that made it as large as it is
        was_due = self.store.has_work
        self.store.compact(revision, leaves_hash=leaves_hash)
        if not was_due:
            self.on_due()

    def when_compacted(self, callback: Callable[[], None]) -> None:
        """Calls back once all compactions of before are through: now, or from `run_due`."""
        if self.store.compaction_pending:
            waiter = (self.store.compact_revision, callback)
            self._compaction_waiters = (*self._compaction_waiters, waiter)
        else:
            callback()

    def forget_compaction_waiter(self, callback: Callable[[], None]) -> None:
        """Drops a callback of `when_compacted`, if it still waits."""
        waiters = self._compaction_waiters
        self._compaction_waiters = tuple(each for each in waiters if each[1] != callback)

    def read(self, reading: Reading, callback: Callable[[], None]) -> None:
        """Goes through the history and calls back once that is over.

        Now, where it is little, or from `run_due`; compactions of before come first.
        """
        store = self.store
        was_due = store.has_work
        store.read(reading)
        for _ in range(_FIRST_SLICES):
            store.compact_step(_FIRST_SLICE_RECORDS)
            if reading.is_over:
                callback()
                return
        self._readings = (*self._readings, (reading, callback))
        if not was_due:
            self.on_due()

    def forget_reading(self, reading: Reading) -> None:
        """Goes through it no more and calls nobody back. Nothing where that was done."""
        self.store.forget(reading)
        self._readings = tuple(each for each in self._readings if each[0] is not reading)

    def defragment(self) -> None:
        """Gives back the space of what is gone; a compaction that is under way ends first.

        O(versions that are still to go): etcd, too, lets nobody in meanwhile.
        """
        self.store.finish_compaction()
        self.db_size.defragment()
        self.quota.look_again()

    def set_quota(self, quota_backend_bytes: int) -> None:
        """Have another quota from now on, as `NodeConfig.quota_backend_bytes` has it."""
        if self.journal.recording:
            self.journal.record(self._set_quota, self.config.quota_backend_bytes)
        self._set_quota(quota_backend_bytes)

    def _set_quota(self, quota_backend_bytes: int) -> None:
        self.config = replace(self.config, quota_backend_bytes=quota_backend_bytes)
        self.quota.limit(quota_backend_bytes)

    # Undo

    def snapshot(self) -> NodeSnapshot:
        """Remember all that the node is. O(1); each should end in `release`."""
        return NodeSnapshot(
            self.journal.snapshot(), self.noise.state, self.raft_index, self.db_size.most_pages
        )

    def restore(self, snapshot: NodeSnapshot) -> int:
        """Be again what it was; the snapshot stays valid, later ones do not.

        The host ends all streams (before or after, but before anyone calls) and sets its clock:
        what watchers have seen did not happen.

        Returns:
            how many changes were taken back, to which the time is proportional.

        Raises:
            ValueError: as `Journal.restore`.
        """
        undone = self.journal.restore(snapshot.journal)
        self.noise.state = snapshot.noise
        self.raft_index = snapshot.raft_index
        self.db_size.set_pages(snapshot.db_pages)
        self.quota.look_again()
        self.restores += 1
        self.on_due()
        return undone

    def release(self, snapshot: NodeSnapshot) -> None:
        """Forget a snapshot; the state stays as it is."""
        self.journal.release(snapshot.journal)

    # What is due

    def next_due(self, now: float) -> float | None:
        """When `run_due` has something to do, in seconds on the clock of `now`; None for never."""
        waiters = self._compaction_waiters or self._readings
        if waiters or self.store.has_work or self.watches.has_work:
            return now
        due = self.schedule.next_due
        # Nothing that is corrupt is changed, so leases wait.
        of_leases = None if self.alarms.corrupt else self.lessor.next_due
        return due if of_leases is None or (due is not None and due <= of_leases) else of_leases

    def run_due(self, now: float) -> None:
        """Does a slice of what is due. Ask `next_due` afterwards whether more is left."""
        self.schedule.run_due(now)
        if not self.alarms.corrupt:
            leases = self.lessor.count
            self.lessor.run_due(now)
            self.raft_index += leases - self.lessor.count  # each is revoked by a request of its own
        if self.watches.has_work:
            self.watches.catch_up(HISTORY_SLICE_VERSIONS)
        self.store.compact_step(COMPACTION_SLICE_RECORDS)
        if self._compaction_waiters or self._readings:
            self._call_back()

    def _call_back(self) -> None:
        """Whoever waits for what is through by now."""
        finished = self.store.finished_compaction
        waiters, readings = self._compaction_waiters, self._readings
        self._compaction_waiters = tuple(each for each in waiters if each[0] > finished)
        self._readings = tuple(each for each in readings if not each[0].is_over)
        for target, callback in waiters:
            if target <= finished:
                callback()
        for reading, callback in readings:
            if reading.is_over:
                callback()


def _initial_cluster(config: NodeConfig) -> cluster.InitialCluster:
    return config.initial_cluster or ((config.name, config.initial_advertise_peer_urls),)


def _id_of(name: str, members: Iterable[cluster.Member]) -> int:
    """Raises: ValueError: nobody is called so."""
    for member in members:
        if member.name == name:
            return member.id
    raise ValueError(f"initial_cluster: it has no member called {name!r}, which is this one")


def _at_once(work: Work) -> None:
    """Nobody else is there who would have to wait."""
    work()()


def _nobody() -> None:
    """Stands in for a host: work stays due until somebody calls `run_due`."""


def _varint64(number: int) -> bytes:
    """The varint of a uint64: that of the int64 with the same bits."""
    return varint(number - (1 << 64) if number >> 63 else number)
