"""What etcd refuses of flags that can be read, in its order and words, and what it warns of.

etcd: server/embed/config.go (`Validate`), server/embed/config_logging.go (`setupLogging`),
server/embed/etcd.go (`StartEtcd`). What is refused of ours is at the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fake_etcd.cli import initial_cluster
from fake_etcd.cli.durations import format_duration, parse_duration
from fake_etcd.cli.flag_table import BY_NAME
from fake_etcd.cli.flag_values import TRUE, count, duration, gates, integer, text_set
from fake_etcd.cli.tls_flags import (
    TlsSettings,
    tls_settings,
    wrong_listening,
    wrong_versions,
)
from fake_etcd.cli.urls import (
    Url,
    UrlError,
    check_advertise_peer_urls,
    check_advertise_urls,
    check_bind_urls,
    check_listen_urls,
    parse_urls,
    quote,
)
from fake_etcd.cli.usage import (
    BAD_CONFIGURATION,
    Stage,
    UsageError,
    Warned,
    does_not_start,
)

TOKEN_VARIABLE = "FAKE_ETCD_CONTROL_TOKEN"
"""Environment: the token where no flag gives one."""

LEVELS = ("debug", "info", "warn", "error", "dpanic", "panic", "fatal")
"""zap's levels, in order; upper case is taken too, and "warning" for "warn"."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 §2.1
_MAX_ELECTION_MS = 50_000  # etcd: embed/config.go, maxElectionMs
_MOST_SAMPLES = 1_000_000  # etcd: embed/config_tracing.go
_SECOND, _HOUR = 1_000_000_000, 3_600_000_000_000  # nanoseconds


def retention(mode: str, text: str) -> tuple[float, int]:
    """The period in seconds, or the number of revisions, and 0 for the other.

    etcd: embed/etcd.go, parseCompactionRetention, called once the server is under way; there a
    period below 0 makes the compactor spin.

    Raises:
        UsageError: it is neither.
    """
    if re.fullmatch(r"[+]?\d+", text, re.ASCII):
        number = int(text)
        nanoseconds = number if mode == "revision" else number * _HOUR
    else:
        try:
            nanoseconds = parse_duration(text or "0")
        except ValueError as error:
            message = f"error parsing CompactionRetention: {error}"
            raise does_not_start(message) from None
    if nanoseconds < 0:
        message = f"--auto-compaction-retention {quote(text)} is below 0"
        raise does_not_start(message)
    return (0.0, nanoseconds) if mode == "revision" else (nanoseconds / _SECOND, 0)


def level(text: str) -> str:
    """zap's name of a level.

    Raises:
        UsageError: it is none, of which etcd dies.
    """
    name = {"": "info", "warning": "warn"}.get(text.lower(), text.lower())
    if name not in LEVELS:
        raise UsageError(f"unrecognized level: {quote(text)}", stage=Stage.PANIC)
    return name


def check(
    values: Mapping[str, str], given: Mapping[str, str], token: str, *, as_etcd: bool
) -> list[Warned]:
    """Refuse what etcd refuses before it starts. etcd: embed/config.go, Validate.

    Args:
        values: every flag's value.
        given: those that were said.
        token: what has to be said to use the control API.
        as_etcd: whether to demand what etcd demands and we do not.

    Returns:
        What etcd warns of in what it takes.

    Raises:
        UsageError: for the first thing that is wrong.
    """
    warnings: list[Warned] = []
    if values["discovery-fallback"] == "proxy":
        raise UsageError(
            'v2 proxy is deprecated, and --discovery-fallback can\'t be configured as "proxy"',
            BAD_CONFIGURATION,
        )
    wrong = _wrong_log(values)
    if wrong is not None:
        raise UsageError(wrong, BAD_CONFIGURATION)
    level(values["log-level"])
    wrong = _wrong_log_format(values["log-format"]) or _wrong_urls(values)
    wrong = wrong or _wrong_bootstrap(values)
    wrong = wrong or _wrong_times(
        count(values["heartbeat-interval"]), count(values["election-timeout"])
    )
    if wrong is None and as_etcd and _lacks_advertised(given):
        wrong = "--advertise-client-urls is required when --listen-client-urls is set explicitly"
    wrong = (
        wrong or _wrong_mode(values["auto-compaction-mode"]) or _wrong_features(warnings, values)
    )
    if wrong is None and as_etcd and values["name"] == "default":
        warnings.append(_DEFAULT_NAME)
    warnings += ((message, {}) for name, message in _DEPRECATED.items() if name in given)
    tls = tls_settings(values, given)
    wrong = wrong or wrong_versions(tls)
    if wrong is not None:
        raise UsageError(wrong, BAD_CONFIGURATION)
    _check_start(warnings, values, tls)
    wrong = _wrong_control(given, values, token) or _wrong_ready_fd(count(values["ready-fd"]))
    wrong = wrong or _wrong_ours(values)
    if wrong is not None:
        raise UsageError(wrong, BAD_CONFIGURATION)
    return warnings


_DEPRECATED = {
    "max-snapshots": "--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8.",
    "v2-deprecation": (
        "--v2-deprecation is deprecated and scheduled for removal in v3.8. The default value is "
        "enforced, ignoring user input."
    ),
}
"""etcd: etcdmain/config.go, deprecatedFlags."""

_DEFAULT_NAME: Warned = (
    "it isn't recommended to use default name, please set a value for --name. Note that etcd might "
    "run into issue when multiple members have the same default name",
    {"name": "default"},
)


_NO_DISCOVERY: Warned = (
    "no discovery service is asked: this process is a cluster of one member of its own",
    {},
)


def _lacks_advertised(given: Mapping[str, str]) -> bool:
    return "listen-client-urls" in given and "advertise-client-urls" not in given


def _wrong_log(values: Mapping[str, str]) -> str | None:
    """What is wrong with where to log. etcd: embed/config_logging.go."""
    if values["logger"] == "capnslog":
        return "--logger=capnslog is removed in v3.5"
    if values["logger"] != "zap":
        return f"unknown logger option {quote(values['logger'])}"
    outputs = text_set(values["log-outputs"])
    if len(outputs) > 1 and "default" in outputs:
        return 'multi logoutput for "default" is not supported yet'
    if len(outputs) > 1 and "systemd/journal" in outputs:
        return (
            "running with systemd/journal but other '--log-outputs' values "
            f"([{' '.join(map(quote, outputs))}]) are configured with 'default'; "
            "override 'default' value with something else"
        )
    if values["enable-log-rotation"] in TRUE:
        files = [each for each in outputs if each not in ("default", "stderr", "stdout")]
        if len(files) > 1 or (not files and len(outputs) == 1):
            return (
                "--log-outputs requires a single file path when --log-rotate-config-json is defined"
            )
        from fake_etcd.cli import log_rotation  # which is rare

        try:
            log_rotation.read(values["log-rotation-config-json"])
        except log_rotation.RotationError as error:
            return str(error)
    return None


def _wrong_log_format(text: str) -> str | None:
    if text not in ("json", "console", ""):
        return f"unknown log format: {text}, supported values json, console"
    return None


def _wrong_urls(values: Mapping[str, str]) -> str | None:
    try:
        for name in (
            "listen-peer-urls",
            "listen-client-urls",
            "listen-client-http-urls",
            "listen-metrics-urls",
        ):
            check_bind_urls(parse_urls(values[name]))
        check_advertise_peer_urls(parse_urls(values["initial-advertise-peer-urls"]))
        check_advertise_urls(parse_urls(values["advertise-client-urls"]))
    except UrlError as error:
        return str(error)
    return None


def _wrong_bootstrap(values: Mapping[str, str]) -> str | None:
    ways = [values[name] for name in ("initial-cluster", "discovery-srv", "discovery-endpoints")]
    if values["initial-cluster-state"] not in ("new", "existing"):  # a config file may say so
        return f"unexpected clusterState {quote(values['initial-cluster-state'])}"
    if sum(map(bool, ways)) > 1:
        return (
            "multiple discovery or bootstrap flags are set. Choose one of "
            '"initial-cluster", "discovery-endpoints" or "discovery-srv"'
        )
    endpoints = values["discovery-endpoints"]
    if bool(values["discovery-token"]) != bool(endpoints):
        return "both --discovery-token and --discovery-endpoints must be set"
    if endpoints and not all(each.strip() for each in endpoints.split(",")):
        return "--discovery-endpoints must not contain empty endpoints"
    return None


def _wrong_mode(mode: str) -> str | None:
    if mode in ("periodic", "revision"):
        return None
    return (
        f"unknown auto-compaction-mode {quote(mode)}" if mode else "undefined auto-compaction-mode"
    )


def _wrong_features(warnings: list[Warned], values: Mapping[str, str]) -> str | None:
    if values["enable-distributed-tracing"] in TRUE:
        wrong = _wrong_rate(integer(values["distributed-tracing-sampling-rate"]))
        if wrong is not None:
            return wrong
    states = gates(values["feature-gates"])
    persists, checkpoints = states["LeaseCheckpointPersist"], states["LeaseCheckpoint"]
    if checkpoints and not persists:
        warnings.append(
            (
                "Detected that checkpointing is enabled without persistence. Consider enabling "
                "feature gate LeaseCheckpointPersist",
                {},
            )
        )
    if persists and not checkpoints:
        return (
            "enabling feature gate LeaseCheckpointPersist requires enabling feature gate "
            "LeaseCheckpoint"
        )
    if duration(values["compact-hash-check-time"]) <= 0:
        text = values["compact-hash-check-time"]
        return f"--compact-hash-check-time must be >0 (set to {format_duration(duration(text))})"
    return None


def _wrong_rate(rate: int) -> str | None:
    if rate < 0:
        why = "tracing sampling rate must be positive"
    elif rate > _MOST_SAMPLES:
        why = f"tracing sampling rate must be less than {_MOST_SAMPLES}"
    else:
        return None
    return f"distributed tracing configurition is not valid: ({why})"


def _check_start(warnings: list[Warned], values: Mapping[str, str], tls: TlsSettings) -> None:
    """Refuse what etcd refuses once it starts. etcd: embed/etcd.go, StartEtcd."""
    try:
        urls = parse_urls(values["listen-client-urls"])
        check_listen_urls(urls)
    except UrlError as error:
        raise does_not_start(str(error)) from None
    try:
        cluster = initial_cluster.read(values["initial-cluster"])
    except UrlError as error:
        raise does_not_start(f"error setting up initial cluster: {error}") from None
    http = parse_urls(values["listen-client-http-urls"])
    wrong = wrong_listening(tls, (*urls, *http)) or _wrong_http(urls, http)
    wrong = wrong or _wrong_metrics(tls, parse_urls(values["listen-metrics-urls"]))
    if wrong is not None:
        raise does_not_start(wrong)
    retention(values["auto-compaction-mode"], values["auto-compaction-retention"])
    if values["discovery-srv"] or values["discovery-endpoints"]:
        warnings.append(_NO_DISCOVERY)
        return
    advertised = [url.text for url in parse_urls(values["initial-advertise-peer-urls"])]
    is_new = values["initial-cluster-state"] == "new"
    wrong = initial_cluster.wrong(cluster, values["name"], advertised, is_new=is_new)
    if wrong is not None:
        raise does_not_start(wrong)
    if len(cluster) > 1:
        warnings.append(
            (
                "every process of this cluster is a cluster of one member of its own: what is put "
                "into one is not in the others",
                {"initial-cluster": values["initial-cluster"]},
            )
        )


def _wrong_http(urls: Sequence[Url], http: Sequence[Url]) -> str | None:
    taken = {url.host + url.path for url in urls}
    for url in http:
        if url.host + url.path in taken:
            return (
                "cannot bind both --listen-client-urls and --listen-client-http-urls on the same "
                f"url {url.text}"
            )
    return None


def _wrong_metrics(tls: TlsSettings, urls: Sequence[Url]) -> str | None:
    if any(url.is_tls for url in urls) and not (tls.has_files or tls.auto_tls):
        return (
            "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url"
        )
    return None


_NATIVE_ONLY = (
    "socket-reuse-port",
    "cors",
    "host-whitelist",
    "listen-client-http-urls",
    "listen-metrics-urls",
)
"""Flags about what --transport=grpcio has not."""


def _wrong_ours(values: Mapping[str, str]) -> str | None:
    if values["transport"] not in ("native", "grpcio"):
        return f"--transport {quote(values['transport'])} must be native or grpcio"
    if values["transport"] == "grpcio":
        if values["control"] in TRUE:
            return "--control does not go with --transport=grpcio: it is served on the same port"
        for name in _NATIVE_ONLY:
            if values[name] != BY_NAME[name].default:
                return f"--{name} does nothing with --transport=grpcio"
    if duration(values["fake-stop-grace"]) < 0:
        return f"--fake-stop-grace {quote(values['fake-stop-grace'])} is below 0"
    if duration(values["fake-persist-interval"]) <= 0:
        return f"--fake-persist-interval {quote(values['fake-persist-interval'])} is not above 0"
    if values["fake-persist"] in TRUE and not values["data-dir"]:
        return "--fake-persist needs a --data-dir to keep the data in"
    return None


def _wrong_control(given: Mapping[str, str], values: Mapping[str, str], token: str) -> str | None:
    """Why the control API cannot be served so: who reaches it can do anything to this server."""
    if values["control"] not in TRUE:
        return (
            "--control-token does nothing without --control" if "control-token" in given else None
        )
    if values["listen-client-http-urls"] or values["listen-metrics-urls"]:
        return "--control serves HTTP on the client URLs, and on no others"
    if values["socket-reuse-port"] in TRUE:
        return "--control owns its ports: it cannot be had with --socket-reuse-port"
    if token:
        if _TOKEN.fullmatch(token):
            return None
        where = "--control-token" if given.get("control-token") else TOKEN_VARIABLE
        return f"{where}: a token has letters, digits and -._~+/ only, and = at its end"
    for url in parse_urls(values["listen-client-urls"]):
        if not url.is_loopback:
            return (
                f"--control is for this machine alone, and others can reach {url.text}: listen on "
                f"127.0.0.1, or set a token by {TOKEN_VARIABLE} or --control-token"
            )
    return None


def _wrong_ready_fd(number: int) -> str | None:
    if number in (1, 2):
        return f"--ready-fd={number} would close what this server prints to; use --ready-json"
    return None


def _wrong_times(heartbeat_ms: int, election_ms: int) -> str | None:
    """What is wrong with these two. etcd: embed/config.go, Validate."""
    if not heartbeat_ms:
        return "--heartbeat-interval must be >0 (set to 0ms)"
    if not election_ms:
        return "--election-timeout must be >0 (set to 0ms)"
    if 5 * heartbeat_ms > election_ms:
        return (
            f"--election-timeout[{election_ms}ms] should be at least as 5 times as "
            f"--heartbeat-interval[{heartbeat_ms}ms]"
        )
    if election_ms > _MAX_ELECTION_MS:
        return (
            f"--election-timeout[{election_ms}ms] is too long, and should be set less than "
            f"{_MAX_ELECTION_MS}ms"
        )
    return None
