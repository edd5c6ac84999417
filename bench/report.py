"""Turns what was measured into the tables of docs/performance.md; measures nothing itself."""

from __future__ import annotations

import datetime
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import calling, counting, crowd, gateway, secured, svg
from bench.bars import BARS
from bench.calling import Calling
from bench.clients import Clients
from bench.concurrency import Locks
from bench.counting import Counting
from bench.crowd import Crowd
from bench.fixture import Fixture
from bench.gateway import Gateway
from bench.growth import Growth
from bench.in_process import InProcess
from bench.lives import Lives
from bench.scenarios import SCENARIOS, Scenario, Speed, Turns
from bench.snapshots import Snapshot
from bench.watching import Watching
from conformance import golang

NOTES = "<!-- Notes: what follows is written by hand, and the bench keeps it. -->"

_TITLES = {
    "real": "real etcd",
    "uvloop": "fake_etcd, uvloop",
    "asyncio": "fake_etcd, asyncio",
    "limit": "transport alone",
}


@dataclass(slots=True)
class Results:
    """Everything a run found; parts that were not asked for are empty.

    Args:
        command: the command line.
        turns: how many each server had.
        busy: processes that wanted a processor before the run began (the load average); what is
            much above zero was taken from the measurements, and more from a server with one
            thread than from real etcd.
    """

    command: str
    turns: int
    busy: float = 0.0
    speed: Speed = field(default_factory=dict)
    secured: Speed = field(default_factory=dict)
    crowd: Crowd | None = None
    gateway: Gateway | None = None
    locks: Locks | None = None
    counting: Counting | None = None
    clients: Clients | None = None
    lives: Lives | None = None
    fixture: Fixture | None = None
    in_process: InProcess | None = None
    keys: dict[str, Growth] = field(default_factory=dict)
    history: dict[str, Growth] = field(default_factory=dict)
    watching: Watching | None = None
    calling: Calling | None = None
    snapshots: list[Snapshot] = field(default_factory=list)


def values(results: Results) -> dict[str, float]:
    """What the bars judge, by their names."""
    found: dict[str, float] = {}
    for scenario in SCENARIOS:
        if scenario.name in results.speed:
            judged = results.speed[scenario.name]["p50_us" if scenario.serial else "per_second"]
            for server in ("uvloop", "asyncio"):
                found[f"{scenario.name}/{server}"] = judged.ratio(server)
    for scenario in secured.SCENARIOS:
        if scenario.name in results.secured:
            rates = results.secured[scenario.name]["per_second"]
            for server in ("uvloop", "asyncio"):
                found[f"{scenario.name}/{server}"] = rates.ratio(server)
    if results.crowd:
        for operation in crowd.OPERATIONS:
            found[f"{operation}-crowd/uvloop"] = results.crowd.kept(operation, "uvloop")
    if results.gateway:
        for operation in gateway.OPERATIONS:
            rates = results.gateway.found[operation]["per_second"]
            found[f"gateway-{operation}/uvloop"] = rates.ratio("uvloop")
    if results.locks:
        for name in Locks.__slots__:
            found[f"lock-{name}/uvloop"] = getattr(results.locks, name).ratio("uvloop")
    if results.counting:
        for operation in counting.OPERATIONS:
            found[f"{operation}-counted/uvloop"] = results.counting.kept(operation)
    if results.clients:
        for what in results.clients.rates:
            face = "asyncio" if what.startswith("aio") else "threads"
            found[f"client-{what}/{face}"] = results.clients.ratio(what)
        found["client-import/threads"] = results.clients.import_seconds
    if results.lives:
        found["start/uvloop"] = results.lives.starts.median("uvloop")
        found["stop/uvloop"] = results.lives.stops.median("uvloop")
    if results.fixture:
        found["fixture/uvloop"] = results.fixture.next_ms
        found["first-fixture/uvloop"] = results.fixture.first_ms
    if results.in_process:
        found["in-process/uvloop"] = results.in_process.above_handler_us
        found["of-loopback/uvloop"] = results.in_process.of_loopback
        found["aio-of-loopback/uvloop"] = results.in_process.aio_of_loopback
    if results.keys:
        mine, real = results.keys["uvloop"], results.keys["real"]
        found["empty/uvloop"] = mine.empty_bytes / 1e6
        found["per-key/uvloop"] = mine.bytes_per_key / real.bytes_per_key
        found["pause/uvloop"] = mine.compaction_pause_us / 1000
        found["hash-pause/uvloop"] = mine.hash_pause_us / 1000
    if results.watching:
        watching = results.watching
        for name in ("events", "flood", "grants", "keepalives"):
            found[f"{name}/uvloop"] = getattr(watching, name).ratio("uvloop")
        found["kept/uvloop"] = watching.kept("uvloop")
        found["per-watcher/uvloop"] = watching.watcher_bytes.median("uvloop") / 1024
        found["per-lease/uvloop"] = watching.lease_bytes.median("uvloop") / 1024
    if results.calling:
        for operation in calling.OPERATIONS:
            found[f"{operation}-kept/uvloop"] = results.calling.kept(f"{operation}s", "uvloop")
            few, many = results.calling.costs[operation]["uvloop"]
            found[f"{operation}-by-users/uvloop"] = many / few
    if results.snapshots:
        found["load/uvloop"] = max(each.load_seconds for each in results.snapshots)
        found["save-bytes/uvloop"] = max(
            each.save_bytes / each.file_bytes for each in results.snapshots
        )
    return found


def markdown(results: Results) -> str:
    """The whole report, as for docs/performance.md."""
    parts = ["# Performance\n", _introduction(results)]
    parts += ["## Bars\n", _bars(values(results))]
    if results.speed:
        parts += ["## Speed\n", _SPEED_TEXT, *_speed(results.speed, SCENARIOS)]
    if results.secured:
        parts += ["## Speed over TLS\n", _SECURED_TEXT]
        parts += _speed(results.secured, secured.SCENARIOS)
    if results.crowd:
        parts += ["## A thousand connections\n", _CROWD_TEXT, _crowd(results.crowd)]
    if results.gateway:
        parts += ["## The JSON gateway\n", _GATEWAY_TEXT, _gateway(results.gateway)]
    if results.locks:
        parts += ["## Locks\n", _LOCKS_TEXT, _locks(results.locks)]
    if results.counting:
        parts += ["## Counting for /metrics\n", _COUNTING_TEXT, _counting(results.counting)]
    if results.clients:
        parts += ["## Clients in Python\n", _CLIENTS_TEXT, _clients(results.clients)]
    if results.lives:
        parts += ["## Start and stop\n", _LIVES_TEXT, _lives(results.lives)]
    if results.fixture:
        parts += ["## The pytest fixture\n", _FIXTURE_TEXT, _fixture(results.fixture)]
    if results.in_process:
        parts += ["## Calls without a wire\n", _IN_PROCESS_TEXT, _in_process(results.in_process)]
    if results.watching:
        parts += ["## Watchers and leases\n", _WATCHING_TEXT, _watching(results.watching)]
    if results.calling:
        parts += ["## Auth\n", _CALLING_TEXT, _rates_of_users(results.calling)]
        parts += [_CALLING_COST_TEXT, _costs_by_users(results.calling)]
    if results.snapshots:
        parts += ["## Snapshots\n", _SNAPSHOTS_TEXT, _snapshots(results.snapshots)]
    if results.keys:
        parts += ["## Memory\n", _MEMORY_TEXT, _memory(results.keys)]
        parts += ["## Cost as the store grows\n", _COST_TEXT]
        parts += [_costs("keys", results.keys), "![Cost by keys](cost-by-keys.svg)\n"]
    if results.history:
        parts += ["## Cost as one key's history grows\n", _HISTORY_TEXT]
        parts += [_costs("revisions", results.history)]
        parts += ["![Cost by revisions](cost-by-revisions.svg)\n"]
    return "\n".join(parts)


def plots(results: Results) -> dict[str, str]:
    """The plots that the report refers to, by file name."""
    found = {}
    for name, grown, label in (
        ("cost-by-keys.svg", results.keys, "keys in the store"),
        ("cost-by-revisions.svg", results.history, "revisions of the key"),
    ):
        if grown:
            # Ours first, so that it is drawn solid.
            families = {"fake_etcd": grown["uvloop"].costs, "etcd": grown["real"].costs}
            title, unit = "Server processor time for one call", "microseconds"
            found[name] = svg.lines(title, label, unit, families)
    return found


def write(results: Results, directory: Path) -> None:
    """Write performance.md and its plots, and keep the notes that a person wrote below."""
    page = directory / "performance.md"
    _, _, notes = page.read_text().partition(NOTES) if page.exists() else ("", "", "\n")
    directory.mkdir(parents=True, exist_ok=True)
    page.write_text(f"{markdown(results)}\n{NOTES}{notes}")
    for name, plot in plots(results).items():
        (directory / name).write_text(plot)


_SPEED_TEXT = """\
64 workers share 8 connections, serial is one worker; 10,000 keys of 32 bytes with values of
100 bytes. The load generator is Go's `clientv3` and runs on the same processors, so a fast server
is also held up by its client: the transport alone, with handlers that answer a constant, shows
where that ends. Its garbage collector runs at four times the usual heap, so that it takes less from
the servers. Figures are medians over the turns; a ratio is the median of the ratios to real
etcd within one turn.
"""

_SECURED_TEXT = """\
The same, with TLS 1.3: server and clients have certificates and look at each other's. Of the suites
that a client offers Go prefers AES-128-GCM, OpenSSL, which is ours, AES-256-GCM.
"""

_CROWD_TEXT = f"""\
{crowd.CONNECTIONS:,} connections on each of which {crowd.WORKERS} callers call at the same time,
beside {crowd.FEW_CONNECTIONS} connections with {crowd.FEW_WORKERS} callers each within one turn.
Connecting is not measured. A thousand of `clientv3` would take more of the processors than the
servers do, and the rate would be theirs; so a client of the bench's own makes the calls, over few
connections as well. Real etcd refuses some of so many puts: `etcdserver: too many requests`.
"""

_GATEWAY_TEXT = """\
`POST /v3/kv/range` and `/v3/kv/put` by 64 connections of HTTP/1.1, one call at a time on each.
"""

_LOCKS_TEXT = """\
Locks taken and let go again, two calls each: by 64 callers with a lock of their own, by 16 that all
want the same one, by one alone.
"""

_COUNTING_TEXT = """\
Two of our servers on uvloop side by side, of which one counts its calls for /metrics and the other
does not, in turns of half a second. `python -m bench --only counting` measures these alone.
"""

_CLIENTS_TEXT = """\
`fake_etcd.clientv3` and its face for asyncio beside python-etcd3, aetcd, and grpcio's stubs with
nothing around them, which no client on grpcio can outrun. Each is a process of its own and calls
the same server, ours. Calls are one behind the other, or those of 64 tasks; watches read a history
of 20,000 events, with one or with 100 in a revision, one event after the other.
`python -m bench --only clients` measures these alone.
"""

_LIVES_TEXT = """\
From the start of a server's process to the first answer that a client has, and from SIGTERM to the
end of the process, while that client is still connected. `python -m bench --only start` measures
these alone.
"""

_FIXTURE_TEXT = """\
What a test waits for `fake_etcd` before and after it, beside a fixture that does nothing; the first
one also opens the port. Imports are left out.
"""

_IN_PROCESS_TEXT = """\
One put of 100 bytes at a time, client and server in one Python process, as in a test: by the
channels that a `FakeEtcd` gives, and by grpcio's through its port. Figures are medians over the
turns.
"""

_SNAPSHOTS_TEXT = """\
Databases of 10,000 keys with many versions, written from a node and read into another, in a process
of their own. Seconds of the processor, medians; the memory is the most that writing took beyond
what the store had before. `python -m bench --only snapshots` measures these alone.
"""

_MEMORY_TEXT = """\
Resident memory (`VmRSS`, mapped files included) after loading keys of 32 bytes with values of
100 bytes through transactions of 120 puts. Real etcd's figure includes what a running etcd keeps
beside the store: the newest entries of its raft log, and its garbage collector's head room.
"""

_COST_TEXT = """\
Microseconds of the server's processor time for one call, 64 workers on 8 connections. A rate would
have the client and the rest of the machine in it; this does not.
"""

_HISTORY_TEXT = """\
The same, for one key with so many revisions, none of them compacted. Old revisions are asked for
at random over the whole history.
"""


_WATCHING_TEXT = """\
Events: 500 watchers of one key on 8 connections, 400 puts of it one after the other; in a flood, 4
callers put at a time; of each the median of five within a turn. Idle: 10,000 watchers of other keys
and prefixes, beside 64 workers that put. Grants and keepalives: 64 workers, each with a stream of
its own for these. Bytes are resident memory, of 10,000 watchers or leases.
"""


_CALLING_TEXT = """\
The same puts and gets, without auth and by 8 users (simple tokens), each with one permission for
all the keys. A ratio is to the same server without auth within one turn; some of it is the
client's, which adds a token to each call.
"""

_CALLING_COST_TEXT = f"""\
Microseconds of the server's processor time for one call of a user: where there are 8 users with one
permission each, and, on another by turns, beside many users with {calling.PERMISSIONS} permissions
each, of which no two can be merged. Medians. Real etcd has few of them, as it computes what each
user may do at each change of any. Bytes are resident memory.
"""


def _introduction(results: Results) -> str:
    packages = f"Python {platform.python_version()} with uvloop {_installed('uvloop')}"
    return (
        f"Written by `{results.command}` on {datetime.date.today().isoformat()}. "
        "It builds real etcd 3.7.3 and a load generator from Go modules, then lets each server "
        f"have {results.turns} turn{'s'[: results.turns - 1]}, one after the other, with fresh "
        "data; real etcd runs with `--unsafe-no-fsync`.\n\n"
        f"Machine: {os.cpu_count()} processors ({_processor()}), {platform.system()}; "
        f"{packages}, {golang.version()}. Load average before the run: {results.busy:.1f}.\n"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.*)$", info, re.MULTILINE)
    return model[1] if model else platform.machine()


def _installed(package: str) -> str:
    from importlib.metadata import version

    return version(package)


def _bars(found: Mapping[str, float]) -> str:
    rows = []
    for bar in BARS:
        if bar.name in found:
            value = found[bar.name]
            verdict = "met" if bar.met(value) else "**missed**"
            server = bar.name.rpartition("/")[2]
            rows.append((bar.title, server, bar.wanted(), f"{value:.2f} {bar.unit}", verdict))
    return _table(("what", "loop", "wanted", "measured", ""), rows)


def _speed(speed: Speed, scenarios: Sequence[Scenario]) -> Iterable[str]:
    shown = [scenario for scenario in scenarios if scenario.name in speed]
    measured = speed[shown[0].name]["per_second"].by_server
    servers = [name for name in _TITLES if name in measured]
    for serial, field_name, digits, what in (
        (False, "per_second", 0, "calls per second"),
        (False, "p99_us", 0, "99th percentile, µs"),
        (True, "p50_us", 0, "median latency, µs"),
        (None, "cpu_us", 1, "server processor time for one call, µs"),
        (None, "client_cpu_us", 1, "client processor time for one call, µs"),
    ):
        rows = [
            (
                scenario.title,
                *(_with_ratio(speed[scenario.name][field_name], name, digits) for name in servers),
            )
            for scenario in shown
            if serial is None or scenario.serial is serial
        ]
        if rows:
            yield _table((what, *(_TITLES[name] for name in servers)), rows)


def _with_ratio(turns: Turns, server: str, digits: int) -> str:
    value = f"{turns.median(server):,.{digits}f}"
    return value if server == "real" else f"{value} ({turns.ratio(server):.2f} x)"


def _crowd(found: Crowd) -> str:
    rows = []
    for operation in crowd.OPERATIONS:
        few, many = found.few[operation], found.many[operation]
        for name in few["per_second"].by_server:
            cells = [
                f"{few['per_second'].median(name):,.0f}",
                f"{many['per_second'].median(name):,.0f} ({found.kept(operation, name):.2f} x)",
            ]
            for cost in ("cpu_us", "client_cpu_us"):
                cells += [f"{measured[cost].median(name):.1f}" for measured in (few, many)]
            rows.append((operation, _TITLES[name], *cells))
    heads = ("8 connections", f"{crowd.CONNECTIONS:,} connections")
    costs = ("server's µs for a call", "with many", "client's µs for a call", "with many")
    return _table(("call", "server", *heads, *costs), rows)


def _gateway(found: Gateway) -> str:
    rows = [
        (
            operation,
            _TITLES[name],
            _with_ratio(measured["per_second"], name, 0),
            _with_ratio(measured["p50_us"], name, 0),
            _with_ratio(measured["cpu_us"], name, 1),
        )
        for operation, measured in found.found.items()
        for name in measured["per_second"].by_server
    ]
    heads = ("calls per second", "median latency, µs", "server's µs for a call")
    return _table(("call", "server", *heads), rows)


def _locks(found: Locks) -> str:
    titles = {"own": "locks of their own", "shared": "one lock for all", "serial": "one caller"}
    rows = [
        (
            titles[name],
            *(
                _with_ratio(getattr(found, name), server, 0)
                for server in getattr(found, name).by_server
            ),
        )
        for name in Locks.__slots__
    ]
    servers = (_TITLES[name] for name in found.own.by_server)
    return _table(("cycles per second", *servers), rows)


def _clients(found: Clients) -> str:
    names = ("stub", "clientv3", "etcd3", "aetcd")
    rows = [
        (what, *(f"{found.median(what, name):,.0f}" if name in rates else "" for name in names))
        for what, rates in found.rates.items()
    ]
    titles = ("grpcio's stub", "clientv3", "python-etcd3", "aetcd")
    return _table(("per second", *titles), rows)


def _counting(found: Counting) -> str:
    rows = []
    for operation in counting.OPERATIONS:
        on, off = found.medians(operation, "per_second")
        on_us, off_us = found.medians(operation, "cpu_us")
        kept = f"{found.kept(operation):.3f} x"
        rows.append(
            (operation, f"{off:,.0f}", f"{on:,.0f} ({kept})", f"{off_us:.2f}", f"{on_us:.2f}")
        )
    head = ("call", "calls per second", "counted", "server's µs for a call", "counted")
    return _table(head, rows)


def _lives(lives: Lives) -> str:
    rows = [
        (_TITLES[name], f"{lives.starts.median(name):.3f}", f"{lives.stops.median(name):.3f}")
        for name in lives.starts.by_server
    ]
    return _table(("s", "start to first answer", "SIGTERM to end"), rows)


def _fixture(fixture: Fixture) -> str:
    rows = [("the first", f"{fixture.first_ms:.2f}"), ("each other", f"{fixture.next_ms:.2f}")]
    return _table(("test", "ms"), rows)


def _in_process(found: InProcess) -> str:
    rows = [
        ("decoded and handled", found.handler),
        ("`channel()`, bytes", found.channel),
        ("`channel()`, messages", found.messages),
        ("grpcio to `endpoint`, messages", found.loopback),
        ("`aio_channel()`, messages", found.aio),
        ("grpc.aio to `endpoint`, messages", found.aio_loopback),
    ]
    return _table(("a put", "µs"), [(name, f"{median(costs):.1f}") for name, costs in rows])


def _watching(watching: Watching) -> str:
    rows = []
    for name in watching.events.by_server:
        cells = [
            _with_ratio(getattr(watching, what), name, 0)
            for what in ("events", "flood", "puts", "grants", "keepalives")
        ]
        cells.insert(3, f"{watching.kept(name):.2f} x")
        cells += [
            f"{turns.median(name):,.0f}" for turns in (watching.watcher_bytes, watching.lease_bytes)
        ]
        rows.append((_TITLES[name], *cells))
    heads = ("events a second", "events in a flood", "puts a second", "beside 10,000 idle watchers")
    last = ("grants a second", "keepalives a second", "bytes per watcher", "bytes per lease")
    return _table(("server", *heads, *last), rows)


def _rates_of_users(found: Calling) -> str:
    rows = []
    for name in found.puts.by_server:
        cells = []
        for operation in ("gets", "puts"):
            as_users: Turns = getattr(found, f"{operation}_as")
            cells.append(f"{getattr(found, operation).median(name):,.0f}")
            cells.append(f"{as_users.median(name):,.0f} ({found.kept(operation, name):.2f} x)")
        rows.append((_TITLES[name], *cells))
    heads = ("gets a second", "by users", "puts a second", "by users")
    return _table(("server", *heads), rows)


def _costs_by_users(found: Calling) -> str:
    rows = []
    for name in found.puts.by_server:
        cells = []
        for operation in calling.OPERATIONS:
            few, many = found.costs[operation][name]
            cells += [f"{few:.1f}", f"{many:.1f} ({many / few:.2f} x)"]
        cells.append(f"{found.user_bytes[name]:,.0f}")
        rows.append((_TITLES[name], f"{found.users[name]:,}", *cells))
    heads = ("get", "beside many", "put", "beside many", "bytes per user")
    return _table(("server", "users", *heads), rows)


def _snapshots(found: Iterable[Snapshot]) -> str:
    rows = []
    for each in found:
        sizes = (f"{each.versions:,}", f"{each.value_bytes:,}", f"{each.file_bytes / 1e6:.0f}")
        saved = (f"{each.save_seconds:.1f}", f"{each.save_bytes / 1e6:.0f}")
        rows.append((*sizes, *saved, f"{each.load_seconds:.1f}"))
    heads = ("bytes of a value", "MB", "to save, s", "memory for that, MB", "to load, s")
    return _table(("versions", *heads), rows)


def _memory(grown: Mapping[str, Growth]) -> str:
    rows = []
    for name, growth in grown.items():
        cells = [f"{growth.empty_bytes / 1e6:.0f}"]
        cells += [f"{resident / 1e6:.0f}" for _, resident in growth.memory]
        cells.append(f"{growth.bytes_per_key:.0f}")
        cells += [f"{it / 1000:.1f}" for it in (growth.compaction_pause_us, growth.hash_pause_us)]
        rows.append((_TITLES[name], *cells))
    sizes = [f"{keys:,} keys" for keys, _ in next(iter(grown.values())).memory]
    last = ("bytes per key", "longest get during compaction, ms", "during HashKV, ms")
    return _table(("MB", "empty", *sizes, *last), rows)


def _costs(unit: str, grown: Mapping[str, Growth]) -> str:
    rows = []
    sizes: list[int] = []
    for name, growth in grown.items():
        for operation, points in growth.costs.items():
            sizes = [size for size, _ in points]
            costs = [cost for _, cost in points]
            change = f"{costs[-1] / costs[0]:.2f} x"
            rows.append((_TITLES[name], operation, *(f"{cost:.1f}" for cost in costs), change))
    heads = [f"{size:,} {unit}" for size in sizes]
    return _table(("server", "call", *heads, "last / first"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
