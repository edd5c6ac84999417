"""The one table of flags: all of etcd 3.7's, and ours; help and docs are made from it.

etcd: server/embed/config.go (`AddFlags`), server/etcdmain/config.go (`newConfig`). What flags of
older releases became is in `old_flags.py`, how a value is read in `flag_values.py`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class Kind(enum.Enum):
    """What a flag's value is."""

    TEXT = "text"
    TEXTS = "texts, comma separated"
    TEXT_SET = "texts, comma separated, each once"
    PATH = "path"
    URLS = "URLs, comma separated"
    ORIGINS = "URLs, comma separated, or *"
    COUNT = "number"
    COUNT32 = "number of 32 bits"
    INTEGER = "number, which may be below 0"
    DURATION = "duration"
    LEVEL = "level"
    STATE = "new or existing"
    FALLBACK = "exit or proxy"
    DEPRECATION = "phases, comma separated"
    GATES = "name=true or name=false, comma separated"
    SWITCH = "switch"
    IGNORED = "anything"


class Group(enum.Enum):
    """A part of the help text, as etcd's has them, and ours at the end."""

    MEMBER = "Member"
    CLUSTERING = "Clustering"
    SECURITY = "Security"
    AUTH = "Auth"
    MONITORING = "Profiling and Monitoring"
    LOGGING = "Logging"
    TRACING = "Distributed tracing"
    FEATURES = "Features"
    UNSAFE = "Unsafe features"
    OURS = "Flags of fake_etcd alone"
    GENERAL = "General"


@dataclass(frozen=True, slots=True)
class Flag:
    """One row: what a flag is called, takes, defaults to, and does.

    `accepted` is empty for a flag that acts; else it says why the value is checked and then left.
    """

    name: str
    kind: Kind
    default: str
    help: str
    group: Group = Group.OURS
    accepted: str = ""

    @property
    def acts(self) -> bool:
        return not self.accepted


_NO_DISK = "there is no log on disk; see --fake-persist"
_NO_PEERS = "a member alone has no peers to talk to"
_NO_ELECTION = "a member alone has nobody to be elected against"
_NO_DISCOVERY = "no discovery service is asked: each process is its own cluster"
_NO_TRACING = "nothing is traced"

_LOG_ROTATION = (
    '{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}'
)

FLAGS: tuple[Flag, ...] = (
    Flag("name", Kind.TEXT, "default", "Name of this member.", Group.MEMBER),
    Flag(
        "data-dir",
        Kind.PATH,
        "",
        "Folder of this member, made where it is not there; see --fake-persist. Empty: under the "
        "name etcd NAME.etcd, else none.",
        Group.MEMBER,
    ),
    Flag("wal-dir", Kind.PATH, "", "Folder of the write-ahead log, made as well.", Group.MEMBER),
    Flag(
        "snapshot-count",
        Kind.COUNT,
        "10000",
        "Changes between two snapshots.",
        Group.MEMBER,
        _NO_DISK,
    ),
    Flag(
        "heartbeat-interval",
        Kind.COUNT,
        "100",
        "Milliseconds of a heartbeat. A member alone has no heart to beat for: see the next.",
        Group.MEMBER,
    ),
    Flag(
        "election-timeout",
        Kind.COUNT,
        "1000",
        "Milliseconds of whole heartbeats, at least five. A lease lives for one and a half times "
        "that at least, in whole seconds.",
        Group.MEMBER,
    ),
    Flag(
        "initial-election-tick-advance",
        Kind.SWITCH,
        "true",
        "Shorten the wait for the first election.",
        Group.MEMBER,
        _NO_ELECTION,
    ),
    Flag(
        "listen-peer-urls",
        Kind.URLS,
        "http://localhost:2380",
        "Where peers are listened for. Where it is not given: nowhere but under the name etcd.",
        Group.MEMBER,
    ),
    Flag(
        "listen-client-urls",
        Kind.URLS,
        "http://localhost:2379",
        "Where to listen for gRPC and HTTP, both on each. Port 0 takes a free port. "
        "unix:/path/to/socket works too; https:// and unixs: are the same with TLS.",
        Group.MEMBER,
    ),
    Flag(
        "listen-client-http-urls",
        Kind.URLS,
        "",
        "Where to listen for HTTP alone; the others are then for gRPC alone.",
        Group.MEMBER,
    ),
    Flag("max-snapshots", Kind.COUNT, "5", "Snapshot files that are kept.", Group.MEMBER, _NO_DISK),
    Flag("max-wals", Kind.COUNT, "5", "Log files that are kept.", Group.MEMBER, _NO_DISK),
    Flag(
        "memory-mlock",
        Kind.SWITCH,
        "false",
        "Keep the data's memory from being swapped out.",
        Group.MEMBER,
        "no file is mapped into memory",
    ),
    Flag(
        "quota-backend-bytes",
        Kind.INTEGER,
        "0",
        "Bytes of data after which writes are refused. 0: 2 GiB. Below 0: none.",
        Group.MEMBER,
    ),
    Flag(
        "backend-bbolt-freelist-type",
        Kind.TEXT,
        "map",
        "How the database file keeps its list of free pages.",
        Group.MEMBER,
        _NO_DISK,
    ),
    Flag(
        "backend-batch-interval",
        Kind.DURATION,
        "0s",
        "The longest time between two writes to the database file.",
        Group.MEMBER,
        _NO_DISK,
    ),
    Flag(
        "backend-batch-limit",
        Kind.INTEGER,
        "0",
        "The most changes between two writes to the database file.",
        Group.MEMBER,
        _NO_DISK,
    ),
    Flag(
        "max-txn-ops",
        Kind.COUNT,
        "128",
        "The most operations that a transaction may have.",
        Group.MEMBER,
    ),
    Flag(
        "max-request-bytes",
        Kind.COUNT,
        "1572864",
        "The largest request of a client, in bytes.",
        Group.MEMBER,
    ),
    Flag(
        "max-concurrent-streams",
        Kind.COUNT32,
        "4294967295",
        "Streams that one connection may have open at a time.",
        Group.MEMBER,
    ),
    Flag(
        "grpc-keepalive-min-time",
        Kind.DURATION,
        "5s",
        "Least time between two pings of a client; who pings more often is sent away.",
        Group.MEMBER,
    ),
    Flag(
        "grpc-keepalive-interval",
        Kind.DURATION,
        "2h",
        "How long a connection may be silent before it is pinged. 0: 2h, as in gRPC for Go.",
        Group.MEMBER,
    ),
    Flag(
        "grpc-keepalive-timeout",
        Kind.DURATION,
        "20s",
        "How long the answer to that ping may take before the connection is closed.",
        Group.MEMBER,
    ),
    Flag(
        "socket-reuse-port",
        Kind.SWITCH,
        "false",
        "Listen with SO_REUSEPORT, on ports that others have with it, too.",
        Group.MEMBER,
    ),
    Flag(
        "socket-reuse-address",
        Kind.SWITCH,
        "false",
        "Listen with SO_REUSEADDR, which every listener here, and in Go, has anyhow.",
        Group.MEMBER,
    ),
    Flag(
        "enable-grpc-gateway",
        Kind.SWITCH,
        "true",
        "Serve the JSON gateway.",
        Group.MEMBER,
    ),
    Flag(
        "raft-read-timeout",
        Kind.DURATION,
        "5s",
        "How long a read from a peer may take.",
        Group.MEMBER,
        _NO_PEERS,
    ),
    Flag(
        "raft-write-timeout",
        Kind.DURATION,
        "5s",
        "How long a write to a peer may take.",
        Group.MEMBER,
        _NO_PEERS,
    ),
    Flag(
        "feature-gates",
        Kind.GATES,
        "",
        "What to turn on or off of etcd's features that are not settled: AllAlpha, AllBeta, "
        "CompactHashCheck, FastLeaseKeepAlive, InitialCorruptCheck, LeaseCheckpoint, "
        "LeaseCheckpointPersist, PriorityRequest, SetMemberLocalAddr, StopGRPCServiceOnDefrag, "
        "TxnModeWriteWithSharedBuffer.",
        Group.MEMBER,
        "what they change is inside etcd, or on disk, or among peers",
    ),
    Flag(
        "initial-advertise-peer-urls",
        Kind.URLS,
        "http://localhost:2380",
        "Where peers are told to find this member.",
        Group.CLUSTERING,
    ),
    Flag(
        "initial-cluster",
        Kind.TEXT,
        "default=http://localhost:2380",
        "The members that the cluster begins with: NAME=URL, comma separated. They show in the "
        "member list; each process is a cluster of its own.",
        Group.CLUSTERING,
    ),
    Flag(
        "initial-cluster-state",
        Kind.STATE,
        "new",
        "Whether the cluster begins with this member, or is there already.",
        Group.CLUSTERING,
    ),
    Flag(
        "initial-cluster-token",
        Kind.TEXT,
        "etcd-cluster",
        "What keeps clusters apart that begin with the same members; their ids are made of it.",
        Group.CLUSTERING,
    ),
    Flag(
        "advertise-client-urls",
        Kind.URLS,
        "",
        "Where clients are told to find this member. Empty: the addresses really listened on. "
        "Under the name etcd it has to be there beside --listen-client-urls.",
        Group.CLUSTERING,
    ),
    Flag(
        "discovery-token",
        Kind.TEXT,
        "",
        "The cluster's token at a discovery service.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag(
        "discovery-endpoints",
        Kind.TEXT_SET,
        "",
        "Addresses of a discovery service.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag(
        "discovery-dial-timeout",
        Kind.DURATION,
        "2s",
        "How long connecting to it may take.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag(
        "discovery-request-timeout",
        Kind.DURATION,
        "5s",
        "How long a call to it may take.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag(
        "discovery-keepalive-time",
        Kind.DURATION,
        "2s",
        "How often it is pinged.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag(
        "discovery-keepalive-timeout",
        Kind.DURATION,
        "6s",
        "How long its answer to a ping may take.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag(
        "discovery-insecure-transport",
        Kind.SWITCH,
        "true",
        "Ask it without TLS.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag(
        "discovery-insecure-skip-tls-verify",
        Kind.SWITCH,
        "false",
        "Trust any certificate of it.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag(
        "discovery-cert",
        Kind.PATH,
        "",
        "The certificate shown to it.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag("discovery-key", Kind.PATH, "", "The key to it.", Group.CLUSTERING, _NO_DISCOVERY),
    Flag(
        "discovery-cacert",
        Kind.PATH,
        "",
        "What its certificate must lead to.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag(
        "discovery-user",
        Kind.TEXT,
        "",
        "The user to ask it as, NAME or NAME:PASSWORD.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag(
        "discovery-password",
        Kind.TEXT,
        "",
        "The password of that user.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag(
        "discovery-fallback",
        Kind.FALLBACK,
        "exit",
        "What to do where discovery fails; proxy is refused as etcd refuses it.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag(
        "discovery-srv",
        Kind.TEXT,
        "",
        "The DNS domain whose records name the members.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag(
        "discovery-srv-name",
        Kind.TEXT,
        "",
        "What is added to the name of those records.",
        Group.CLUSTERING,
        _NO_DISCOVERY,
    ),
    Flag(
        "strict-reconfig-check",
        Kind.SWITCH,
        "true",
        "Refuse changes of membership that would leave no quorum.",
        Group.CLUSTERING,
    ),
    Flag(
        "pre-vote",
        Kind.SWITCH,
        "true",
        "Ask before an election whether it can be won.",
        Group.CLUSTERING,
        _NO_ELECTION,
    ),
    Flag(
        "auto-compaction-retention",
        Kind.TEXT,
        "0",
        "How much history is kept without being asked. 0: all of it.",
        Group.CLUSTERING,
    ),
    Flag(
        "auto-compaction-mode",
        Kind.TEXT,
        "periodic",
        "How to read --auto-compaction-retention: periodic for a duration (a number alone is "
        "hours), revision for a number of revisions.",
        Group.CLUSTERING,
    ),
    Flag(
        "v2-deprecation",
        Kind.DEPRECATION,
        "",
        "How far the v2 store is gone; etcd itself takes no notice any more.",
        Group.CLUSTERING,
        "there is no v2 store",
    ),
    Flag("cert-file", Kind.PATH, "", "The server's certificate, in PEM.", Group.SECURITY),
    Flag("key-file", Kind.PATH, "", "Its private key, in PEM.", Group.SECURITY),
    Flag(
        "client-cert-auth",
        Kind.SWITCH,
        "false",
        "Clients have to show a certificate, and its common name is the user that calls, where "
        "auth is on and no token says otherwise.",
        Group.SECURITY,
    ),
    Flag(
        "client-cert-file",
        Kind.PATH,
        "",
        "The certificate of the member's own client side.",
        Group.SECURITY,
        "the server does not connect to itself",
    ),
    Flag(
        "client-key-file",
        Kind.PATH,
        "",
        "The key of the member's own client side.",
        Group.SECURITY,
        "the server does not connect to itself",
    ),
    Flag(
        "client-crl-file",
        Kind.PATH,
        "",
        "A revocation list, in DER: clients whose serial numbers it has are refused.",
        Group.SECURITY,
    ),
    Flag(
        "client-cert-allowed-hostname",
        Kind.TEXTS,
        "",
        "Names and addresses for one of which a client's certificate must be valid.",
        Group.SECURITY,
    ),
    Flag(
        "trusted-ca-file",
        Kind.PATH,
        "",
        "The certificates, in PEM, that clients' ones must lead to. With it, clients have to show "
        "one.",
        Group.SECURITY,
    ),
    Flag(
        "auto-tls",
        Kind.SWITCH,
        "false",
        "Make a certificate that signs itself, where none is given. It is in memory alone.",
        Group.SECURITY,
    ),
    Flag("peer-cert-file", Kind.PATH, "", "The certificate shown to peers.", Group.SECURITY),
    Flag("peer-key-file", Kind.PATH, "", "The key of that certificate.", Group.SECURITY),
    Flag(
        "peer-client-cert-auth",
        Kind.SWITCH,
        "false",
        "Peers have to show a certificate.",
        Group.SECURITY,
    ),
    Flag(
        "peer-client-cert-file",
        Kind.PATH,
        "",
        "The certificate shown where this member connects to peers.",
        Group.SECURITY,
        _NO_PEERS,
    ),
    Flag(
        "peer-client-key-file",
        Kind.PATH,
        "",
        "The key of that certificate.",
        Group.SECURITY,
        _NO_PEERS,
    ),
    Flag(
        "peer-trusted-ca-file",
        Kind.PATH,
        "",
        "What peers' certificates must lead to.",
        Group.SECURITY,
    ),
    Flag(
        "peer-cert-allowed-cn",
        Kind.TEXTS,
        "",
        "Common names that a peer's certificate may have.",
        Group.SECURITY,
        _NO_PEERS,
    ),
    Flag(
        "peer-cert-allowed-hostname",
        Kind.TEXTS,
        "",
        "Names for one of which a peer's certificate must be valid.",
        Group.SECURITY,
    ),
    Flag(
        "peer-auto-tls",
        Kind.SWITCH,
        "false",
        "Make the certificate shown to peers, where none is given.",
        Group.SECURITY,
    ),
    Flag(
        "self-signed-cert-validity",
        Kind.COUNT,
        "1",
        "Years that certificates made here are valid for.",
        Group.SECURITY,
    ),
    Flag(
        "peer-crl-file",
        Kind.PATH,
        "",
        "A revocation list for peers' certificates.",
        Group.SECURITY,
    ),
    Flag(
        "peer-skip-client-san-verification",
        Kind.SWITCH,
        "false",
        "Do not compare the names in a peer's certificate with its address.",
        Group.SECURITY,
        _NO_PEERS,
    ),
    Flag(
        "cipher-suites",
        Kind.TEXTS,
        "",
        "What TLS 1.2 may use, by Go's names. Empty: what Go uses.",
        Group.SECURITY,
    ),
    Flag(
        "cors",
        Kind.ORIGINS,
        "*",
        "Origins of web pages whose scripts may read what HTTP, and gRPC over TLS, answers.",
        Group.SECURITY,
    ),
    Flag(
        "host-whitelist",
        Kind.TEXT_SET,
        "*",
        "Host names that HTTP requests without TLS may be for.",
        Group.SECURITY,
    ),
    Flag(
        "tls-min-version",
        Kind.TEXT,
        "TLS1.2",
        "The oldest TLS: TLS1.2 or TLS1.3.",
        Group.SECURITY,
    ),
    Flag(
        "tls-max-version",
        Kind.TEXT,
        "",
        "The newest TLS, named so too. Empty: the newest.",
        Group.SECURITY,
    ),
    Flag(
        "auth-token",
        Kind.TEXT,
        "simple",
        "What tokens are, once there are users: simple, or jwt,sign-method=METHOD,priv-key=FILE"
        "[,pub-key=FILE][,ttl=DURATION] for signed ones. Empty: nobody gets one.",
        Group.AUTH,
    ),
    Flag(
        "bcrypt-cost",
        Kind.COUNT,
        "10",
        "What hashing a password costs: from 4 to 31, each twice as much as the one before.",
        Group.AUTH,
    ),
    Flag(
        "auth-token-ttl",
        Kind.COUNT,
        "300",
        "Seconds that a simple token lives after its last use. 0: 300.",
        Group.AUTH,
    ),
    Flag(
        "enable-pprof",
        Kind.SWITCH,
        "false",
        "Serve Go's profiles below /debug/pprof/.",
        Group.MONITORING,
        "there is no Go runtime to profile",
    ),
    Flag(
        "metrics",
        Kind.TEXT,
        "basic",
        "How many metrics there are: basic, or extensive, which times calls.",
        Group.MONITORING,
    ),
    Flag(
        "listen-metrics-urls",
        Kind.URLS,
        "",
        "Where to listen for /metrics, /health, /livez and /readyz, beside the others.",
        Group.MONITORING,
    ),
    Flag("logger", Kind.TEXT, "zap", "The kind of log: zap alone.", Group.LOGGING),
    Flag(
        "log-outputs",
        Kind.TEXT_SET,
        "default",
        "Where to log: stderr, stdout, files, systemd/journal. default is stderr.",
        Group.LOGGING,
    ),
    Flag(
        "log-level",
        Kind.LEVEL,
        "info",
        "How much to log: debug, info, warn, error, panic or fatal.",
        Group.LOGGING,
    ),
    Flag("log-format", Kind.TEXT, "json", "How to log: json or console.", Group.LOGGING),
    Flag(
        "enable-log-rotation",
        Kind.SWITCH,
        "false",
        "Begin the one log file anew as it grows.",
        Group.LOGGING,
    ),
    Flag(
        "log-rotation-config-json",
        Kind.TEXT,
        _LOG_ROTATION,
        "When to begin it anew, and what becomes of the old ones.",
        Group.LOGGING,
    ),
    Flag(
        "warning-unary-request-duration",
        Kind.DURATION,
        "300ms",
        "A call with one answer that takes longer is warned about. 0: 300ms; below 0: each is.",
        Group.LOGGING,
    ),
    Flag(
        "enable-distributed-tracing",
        Kind.SWITCH,
        "false",
        "Trace calls.",
        Group.TRACING,
        _NO_TRACING,
    ),
    Flag(
        "distributed-tracing-address",
        Kind.TEXT,
        "localhost:4317",
        "Where traces are sent.",
        Group.TRACING,
        _NO_TRACING,
    ),
    Flag(
        "distributed-tracing-service-name",
        Kind.TEXT,
        "etcd",
        "The service's name in traces.",
        Group.TRACING,
        _NO_TRACING,
    ),
    Flag(
        "distributed-tracing-instance-id",
        Kind.TEXT,
        "",
        "The instance's name in traces.",
        Group.TRACING,
        _NO_TRACING,
    ),
    Flag(
        "distributed-tracing-sampling-rate",
        Kind.INTEGER,
        "0",
        "Calls of a million that are traced.",
        Group.TRACING,
        _NO_TRACING,
    ),
    Flag(
        "corrupt-check-time",
        Kind.DURATION,
        "0s",
        "Time between two comparisons with peers.",
        Group.FEATURES,
        _NO_PEERS,
    ),
    Flag(
        "compact-hash-check-time",
        Kind.DURATION,
        "1m0s",
        "Time between two comparisons of what was compacted.",
        Group.FEATURES,
        _NO_PEERS,
    ),
    Flag(
        "compaction-batch-limit",
        Kind.INTEGER,
        "0",
        "Revisions that are taken away at a time.",
        Group.FEATURES,
        "compaction is one step in memory",
    ),
    Flag(
        "compaction-sleep-interval",
        Kind.DURATION,
        "0s",
        "Rest between two such steps.",
        Group.FEATURES,
        "compaction is one step in memory",
    ),
    Flag(
        "watch-progress-notify-interval",
        Kind.DURATION,
        "10m",
        "How often watchers that want it are told the revision while nothing happens; 100ms at "
        "the least.",
        Group.FEATURES,
    ),
    Flag(
        "warning-apply-duration",
        Kind.DURATION,
        "100ms",
        "A request that is at the data for longer is warned about.",
        Group.FEATURES,
    ),
    Flag(
        "bootstrap-defrag-threshold-megabytes",
        Kind.COUNT,
        "0",
        "What must be gained for the database file to be made small at the start.",
        Group.FEATURES,
        _NO_DISK,
    ),
    Flag(
        "max-learners",
        Kind.INTEGER,
        "1",
        "The most learners that there may be.",
        Group.FEATURES,
    ),
    Flag(
        "downgrade-check-time",
        Kind.DURATION,
        "5s",
        "Time between two looks at whether a downgrade is done.",
        Group.FEATURES,
        _NO_PEERS,
    ),
    Flag(
        "snapshot-catchup-entries",
        Kind.COUNT,
        "5000",
        "Log entries that are kept for slow peers.",
        Group.FEATURES,
        _NO_PEERS,
    ),
    Flag(
        "force-new-cluster",
        Kind.SWITCH,
        "false",
        "Begin a cluster of one member with the data that is there.",
        Group.UNSAFE,
        "there is one member, and never any data to begin with",
    ),
    Flag(
        "unsafe-no-fsync",
        Kind.SWITCH,
        "false",
        "Do not wait for the disk, where --fake-persist writes to it.",
        Group.UNSAFE,
    ),
    Flag(
        "transport",
        Kind.TEXT,
        "native",
        "What carries gRPC: native, which is ours, or grpcio, which is slower and has no HTTP on "
        "the same port.",
    ),
    Flag(
        "fake-stop-grace",
        Kind.DURATION,
        "0s",
        "How long open streams may go on once the server is told to stop. etcd: about 7s.",
    ),
    Flag(
        "fake-load",
        Kind.PATH,
        "",
        "Begin with what a snapshot has, a file of `etcdctl snapshot save` or an etcd's database. "
        "Where --fake-persist has something of before, that comes first.",
    ),
    Flag(
        "fake-persist",
        Kind.SWITCH,
        "false",
        "Keep all data in the data folder, as a snapshot: it is read at the start, and written at "
        "the stop and now and then. Under the name etcd: true.",
    ),
    Flag(
        "fake-persist-interval",
        Kind.DURATION,
        "1s",
        "How long after it was written it is written again, at least, where something has changed.",
    ),
    Flag(
        "control",
        Kind.SWITCH,
        "false",
        "Serve /_fake/... too, JSON by which a test resets this server, owns its time, and more. "
        "On addresses of this machine alone, unless there is a token.",
    ),
    Flag(
        "control-token",
        Kind.TEXT,
        "",
        "What has to be said to use it, Authorization: Bearer TOKEN. Empty: what the environment "
        "variable FAKE_ETCD_CONTROL_TOKEN has, which others on the machine cannot read.",
    ),
    Flag(
        "ready-json",
        Kind.SWITCH,
        "false",
        "Print one line of JSON, instead of lines for people, once every address is listened on.",
    ),
    Flag(
        "ready-fd",
        Kind.COUNT,
        "0",
        "Write that line to this file descriptor, and close it. 0: to none.",
    ),
    Flag(
        "print-bin-dir",
        Kind.SWITCH,
        "false",
        "Print a folder in which this server is called etcd, to be put first on PATH, and exit.",
    ),
    Flag(
        "config-file",
        Kind.PATH,
        "",
        "A file in YAML or JSON that says all this, in place of flags and environment. Durations "
        "are whole nanoseconds in it.",
        Group.GENERAL,
    ),
    Flag("version", Kind.SWITCH, "false", "Print the versions and exit.", Group.GENERAL),
    Flag("help", Kind.SWITCH, "false", "Print this text and exit.", Group.GENERAL),
)

IGNORED: tuple[Flag, ...] = tuple(
    Flag(name, Kind.IGNORED, "", "", Group.GENERAL, "etcd takes it and does nothing, too")
    for name in (
        "cluster-active-size",
        "cluster-remove-delay",
        "cluster-sync-interval",
        "config",
        "force",
        "max-result-buffer",
        "max-retry-attempts",
        "peer-heartbeat-interval",
        "peer-election-timeout",
        "retry-interval",
        "snapshot",
        "v",
        "vv",
        "test.coverprofile",
        "test.outputdir",
    )
)
"""What etcd still takes from its first releases, without a word of help."""

BY_NAME: Mapping[str, Flag] = {flag.name: flag for flag in (*FLAGS, *IGNORED)}
