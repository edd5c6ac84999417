"""The command line, the environment and the config file, understood: from texts to `Settings`.

The syntax is Go's flag package (`-name v`, `--name v`, `--name=v`, switches without a value), the
words of every refusal are Go's and etcd's, and so is their order (Go flag.go `parseOne`; etcd
server/etcdmain/config.go). Nothing is started here and nothing slow is imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fake_etcd.cli import default_host, initial_cluster
from fake_etcd.cli.early_log import LogLine
from fake_etcd.cli.environment import environment_variables
from fake_etcd.cli.flag_table import BY_NAME, FLAGS, Flag, Group, Kind
from fake_etcd.cli.flag_values import (
    TRUE,
    check_value,
    count,
    count32,
    duration,
    gates,
    integer,
    origins,
    text_set,
)
from fake_etcd.cli.old_flags import OLD_BY_NAME, OldFlag
from fake_etcd.cli.tls_flags import TlsSettings, peer_tls_settings, tls_settings
from fake_etcd.cli.urls import Url, parse_urls, quote
from fake_etcd.cli.usage import BAD_CONFIGURATION, Stage, UsageError, Warned
from fake_etcd.cli.validate import TOKEN_VARIABLE, check, level, retention

__all__ = ["FLAGS", "Settings", "UsageError", "Warned", "parse"]

DEFAULT_CLIENT_URL = "http://localhost:2379"
DEFAULT_PEER_URL = "http://localhost:2380"
_DEFAULT_CLUSTER = f"default={DEFAULT_PEER_URL}"

_ADVERTISED = {
    "initial-advertise-peer-urls": ("listen-peer-urls", DEFAULT_PEER_URL),
    "advertise-client-urls": ("listen-client-urls", DEFAULT_CLIENT_URL),
}
_DEFAULT_HOST = "default host"
"""Beside the flags' values: this machine's address, where it is advertised."""

_LOADED = (
    "loaded server configuration, other configuration command line flags and environment variables "
    "will be ignored if provided"
)
_SECOND = 1_000_000_000  # nanoseconds
_NO_LIMIT = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is to be, understood; durations are in seconds.

    Attributes:
        as_etcd: it runs under the name etcd, so that nothing of ours is printed.
        data_dir: the folder to be made; empty for none.
        initial_cluster: each member's name and peer URLs, sorted.
        max_concurrent_streams: None for no limit.
        feature_gates: the state of every one.
        stop_grace_seconds: how long open streams may go on after the first signal.
        default_host: this machine's address, where it is advertised for want of another.
        early: what was to be logged before the log is set up.
        warnings: what to log as warnings once it is.
    """

    name: str
    listen_client_urls: tuple[Url, ...]
    advertise_client_urls: tuple[Url, ...]
    max_txn_ops: int
    max_request_bytes: int
    heartbeat_interval_ms: int
    election_timeout_ms: int
    auto_compaction_period_seconds: float
    auto_compaction_revisions: int
    watch_progress_notify_interval_seconds: float
    tls: TlsSettings
    auth_token: str
    auth_token_ttl: int
    bcrypt_cost: int
    log_level: str
    control: bool
    control_token: str
    ready_json: bool
    ready_fd: int
    version: bool
    help: bool
    as_etcd: bool
    data_dir: str
    default_data_dir: bool
    wal_dir: str
    listen_peer_urls: tuple[Url, ...]
    initial_advertise_peer_urls: tuple[Url, ...]
    listen_client_http_urls: tuple[Url, ...]
    listen_metrics_urls: tuple[Url, ...]
    extensive_metrics: bool
    initial_cluster: initial_cluster.Cluster
    initial_cluster_token: str
    initial_cluster_state: str
    log_format: str
    log_outputs: tuple[str, ...]
    enable_log_rotation: bool
    log_rotation_config_json: str
    warning_unary_request_duration_seconds: float
    warning_apply_duration_seconds: float
    grpc_keepalive_min_time_seconds: float
    grpc_keepalive_interval_seconds: float
    grpc_keepalive_timeout_seconds: float
    max_concurrent_streams: int | None
    socket_reuse_port: bool
    socket_reuse_address: bool
    quota_backend_bytes: int
    feature_gates: Mapping[str, bool]
    max_learners: int
    strict_reconfig_check: bool
    peer_tls: TlsSettings
    enable_pprof: bool
    enable_grpc_gateway: bool
    cors: tuple[str, ...]
    host_whitelist: tuple[str, ...]
    transport: str
    stop_grace_seconds: float
    fake_load: str
    fake_persist: bool
    persist_interval_seconds: float
    unsafe_no_fsync: bool
    print_bin_dir: bool
    early: tuple[LogLine, ...]
    warnings: tuple[Warned, ...]
    default_host: str = ""


@dataclass(slots=True)
class _Given:
    """What was said so far, and what is to be logged of it."""

    values: dict[str, str]
    early: list[LogLine]
    warnings: list[Warned]


def parse(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    as_etcd: bool = False,
) -> Settings:
    """The settings that some arguments (without the program's name) make.

    Args:
        arguments: the flags.
        environment: where the variables ETCD_... are; None for no such variables.
        as_etcd: whether defaults and demands are those of etcd where ours are milder: addresses
            of peers and clients, and the data folder.

    Raises:
        UsageError: for the first thing that is wrong, in etcd's order and words.

    >>> parse(["--max-txn-ops", "512", "-name=a"]).max_txn_ops
    512
    """
    given = _Given({}, [], [])
    try:
        return _parse(arguments, environment, given, as_etcd)
    except UsageError as error:
        error.lines = tuple(given.early)
        raise


def _parse(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None,
    given: _Given,
    as_etcd: bool,
) -> Settings:
    given.values = _split(arguments, given.warnings)
    if given.values.get("help") == "true":
        given.values = {"help": "true"}
    elif not (_is_on(given, "version") or _is_on(given, "print-bin-dir")):
        path = given.values.get("config-file") or (environment or {}).get("ETCD_CONFIG_FILE", "")
        if path:
            _take_file(given, path)
        else:
            _take_environment(given, environment or {})
        token = _token(given, environment)
        given.warnings += check(_values(given, as_etcd), given.values, token, as_etcd=as_etcd)
    else:
        given.values = {
            name: "true" for name in ("version", "print-bin-dir") if _is_on(given, name)
        }
    return _settings(given, environment, as_etcd)


def _is_on(given: _Given, name: str) -> bool:
    return given.values.get(name) in TRUE


def _token(given: _Given, environment: Mapping[str, str] | None) -> str:
    """What has to be said to use the control API."""
    variables = os.environ if environment is None else environment
    return given.values.get("control-token") or variables.get(TOKEN_VARIABLE, "")


def _take_file(given: _Given, path: str) -> None:
    """Take what a file says in place of all else but the flags that etcd does not have."""
    from fake_etcd.cli import config_file

    try:
        values = config_file.read(path)
    except config_file.ConfigFileError as error:
        raise UsageError(str(error), BAD_CONFIGURATION) from None
    ours = {
        name: value for name, value in given.values.items() if BY_NAME[name].group is Group.OURS
    }
    given.values = values | ours
    given.early.append(LogLine("info", "etcdmain/config.go:155", _LOADED, {"path": path}))


def _take_environment(given: _Given, environment: Mapping[str, str]) -> None:
    """Take what the environment says, and what is to be logged of it."""
    found = environment_variables(environment, given.values)
    given.early += found.lines
    if found.conflict:
        raise UsageError(found.conflict, BAD_CONFIGURATION, Stage.ENVIRONMENT)
    given.values |= found.values
    if found.wrong:
        raise UsageError(found.wrong, BAD_CONFIGURATION)


def _split(arguments: Sequence[str], warnings: list[Warned]) -> dict[str, str]:
    """Flag to value as Go's `FlagSet.Parse` finds them; the last one given wins."""
    given: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        argument = rest[0]
        if len(argument) < 2 or not argument.startswith("-"):
            break
        del rest[0]
        if argument == "--":
            break
        name, equals, value = argument.removeprefix("-").removeprefix("-").partition("=")
        if not name or name.startswith("-"):
            raise UsageError(f"bad flag syntax: {argument}")
        if name in ("help", "h"):  # whatever its value is: Go's ErrHelp
            return {"help": "true"}
        old = OLD_BY_NAME.get(name)
        flag = BY_NAME.get(name) if old is None else Flag(name, old.kind, "", "")
        if flag is None:
            raise UsageError(f"flag provided but not defined: -{name}")
        if not equals and flag.kind in (Kind.SWITCH, Kind.IGNORED):
            value = "true"
        elif not equals:
            if not rest:
                raise UsageError(f"flag needs an argument: -{name}")
            value = rest.pop(0)
        _set(given, flag, value)
        if old is not None:
            _take_old(given, old, warnings)
    if rest:
        raise UsageError(f"{quote(rest[0])} is not a valid flag", BAD_CONFIGURATION)
    return given


def _take_old(given: dict[str, str], old: OldFlag, warnings: list[Warned]) -> None:
    """Have a flag that was dropped do what it became."""
    value = given.pop(old.name)
    warnings.append((old.message, {}))
    if old.successor:
        given[old.successor] = value
    elif old.gate:
        before = given.get("feature-gates", "")
        given["feature-gates"] = f"{before},{old.gate}={value}".lstrip(",")
    elif old.name == "debug" and value in TRUE:
        given["log-level"] = "debug"


def _set(given: dict[str, str], flag: Flag, value: str) -> None:
    """Take a value, or refuse it at once, so that the first bad flag on the line is named."""
    if flag.kind is Kind.URLS and not value:
        # etcd: pkg/flags/unique_urls.go. The flag is set then, to what it was before.
        given.setdefault(flag.name, flag.default)
        return
    try:
        check_value(flag.kind, value)
    except ValueError as error:
        if flag.kind is Kind.SWITCH:
            raise UsageError(
                f"invalid boolean value {quote(value)} for -{flag.name}: {error}"
            ) from None
        raise UsageError(f"invalid value {quote(value)} for flag -{flag.name}: {error}") from None
    given[flag.name] = value


def _values(given: _Given, as_etcd: bool) -> dict[str, str]:
    """Every flag's value, defaults filled in."""
    values = {flag.name: given.values.get(flag.name, flag.default) for flag in FLAGS}
    if as_etcd and "advertise-client-urls" not in given.values:
        values["advertise-client-urls"] = DEFAULT_CLIENT_URL
    if not as_etcd and "listen-peer-urls" not in given.values:
        # Two dev servers side by side must not have to be told of ports that nobody calls.
        values["listen-peer-urls"] = ""
    if as_etcd and "fake-persist" not in given.values:
        values["fake-persist"] = "true"  # who starts an etcd again expects to find everything
    if as_etcd and not values["data-dir"]:
        values["data-dir"] = f"{values['name']}.etcd"
    if as_etcd and sys.platform == "linux":
        values[_DEFAULT_HOST] = default_host.advertise(values, _ADVERTISED)
    discovers = any(
        values[name] for name in ("discovery-srv", "discovery-srv-name", "discovery-endpoints")
    )
    if discovers and "initial-cluster" not in given.values:
        values["initial-cluster"] = ""
    elif values["name"] != "default" and values["initial-cluster"] == _DEFAULT_CLUSTER:
        advertised = parse_urls(values["initial-advertise-peer-urls"])
        values["initial-cluster"] = initial_cluster.of_one(values["name"], advertised)
    return values


def _settings(given: _Given, environment: Mapping[str, str] | None, as_etcd: bool) -> Settings:
    values = _values(given, as_etcd)
    period_seconds, revisions = retention(
        values["auto-compaction-mode"], values["auto-compaction-retention"]
    )
    streams = count32(values["max-concurrent-streams"])

    def seconds(name: str) -> float:
        return duration(values[name]) / _SECOND

    def is_on(name: str) -> bool:
        return values[name] in TRUE

    return Settings(
        name=values["name"],
        listen_client_urls=parse_urls(values["listen-client-urls"]),
        advertise_client_urls=parse_urls(values["advertise-client-urls"]),
        max_txn_ops=count(values["max-txn-ops"]),
        max_request_bytes=count(values["max-request-bytes"]),
        heartbeat_interval_ms=count(values["heartbeat-interval"]),
        election_timeout_ms=count(values["election-timeout"]),
        auto_compaction_period_seconds=period_seconds,
        auto_compaction_revisions=revisions,
        watch_progress_notify_interval_seconds=seconds("watch-progress-notify-interval"),
        tls=tls_settings(values, given.values),
        auth_token=values["auth-token"],
        auth_token_ttl=count(values["auth-token-ttl"]),
        bcrypt_cost=count(values["bcrypt-cost"]),
        log_level=level(values["log-level"]),
        control=is_on("control"),
        control_token=_token(given, environment),
        ready_json=is_on("ready-json"),
        ready_fd=count(values["ready-fd"]),
        version=is_on("version"),
        help=is_on("help"),
        as_etcd=as_etcd,
        data_dir=values["data-dir"],
        default_data_dir=as_etcd and not given.values.get("data-dir"),
        wal_dir=values["wal-dir"],
        listen_peer_urls=parse_urls(values["listen-peer-urls"]),
        initial_advertise_peer_urls=parse_urls(values["initial-advertise-peer-urls"]),
        listen_client_http_urls=parse_urls(values["listen-client-http-urls"]),
        listen_metrics_urls=parse_urls(values["listen-metrics-urls"]),
        extensive_metrics=values["metrics"] == "extensive",
        initial_cluster=initial_cluster.read(values["initial-cluster"]),
        initial_cluster_token=values["initial-cluster-token"],
        initial_cluster_state=values["initial-cluster-state"],
        log_format=values["log-format"] or "json",
        log_outputs=text_set(values["log-outputs"]),
        enable_log_rotation=is_on("enable-log-rotation"),
        log_rotation_config_json=values["log-rotation-config-json"],
        warning_unary_request_duration_seconds=seconds("warning-unary-request-duration") or 0.3,
        warning_apply_duration_seconds=seconds("warning-apply-duration"),
        grpc_keepalive_min_time_seconds=seconds("grpc-keepalive-min-time"),
        grpc_keepalive_interval_seconds=seconds("grpc-keepalive-interval"),
        grpc_keepalive_timeout_seconds=seconds("grpc-keepalive-timeout"),
        max_concurrent_streams=streams if streams not in (0, _NO_LIMIT) else None,
        socket_reuse_port=is_on("socket-reuse-port"),
        socket_reuse_address=is_on("socket-reuse-address"),
        quota_backend_bytes=integer(values["quota-backend-bytes"]),
        feature_gates=gates(values["feature-gates"]),
        max_learners=integer(values["max-learners"]),
        strict_reconfig_check=is_on("strict-reconfig-check"),
        peer_tls=peer_tls_settings(values, given.values),
        enable_pprof=is_on("enable-pprof"),
        enable_grpc_gateway=is_on("enable-grpc-gateway"),
        cors=origins(values["cors"]),
        host_whitelist=text_set(values["host-whitelist"]),
        transport=values["transport"],
        stop_grace_seconds=seconds("fake-stop-grace"),
        fake_load=values["fake-load"],
        fake_persist=is_on("fake-persist"),
        persist_interval_seconds=seconds("fake-persist-interval"),
        unsafe_no_fsync=is_on("unsafe-no-fsync"),
        print_bin_dir=is_on("print-bin-dir"),
        default_host=values.get(_DEFAULT_HOST, ""),
        early=tuple(given.early),
        warnings=tuple(given.warnings),
    )
