"""The one table of flags, and what is made from it: parsing, help and the docs page.

The syntax is Go's flag package (`-name v`, `--name v`, `--name=v`, switches without a value), the
words of every refusal are Go's and etcd's (Go flag.go `parseOne`; etcd server/etcdmain/config.go).
Nothing is started here and nothing slow is imported.
"""

from __future__ import annotations

import enum
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fake_etcd.cli.durations import parse_duration
from fake_etcd.cli.tls_flags import TlsSettings, wrong_listening, wrong_versions
from fake_etcd.cli.urls import (
    Url,
    UrlError,
    check_advertise_urls,
    check_listen_urls,
    parse_urls,
    quote,
)

BAD_FLAG = 2
"""Exit status of etcd for a flag it cannot parse."""

BAD_CONFIGURATION = 1
"""Exit status of etcd for flags that parse but make no sense."""


class Kind(enum.Enum):
    """What a flag's value is."""

    TEXT = "text"
    TEXTS = "texts, comma separated"
    PATH = "path"
    URLS = "URLs, comma separated"
    COUNT = "number"
    DURATION = "duration"
    LEVEL = "level"
    SWITCH = "switch"


@dataclass(frozen=True, slots=True)
class Flag:
    """One row: what a flag is called, takes, defaults to, and does."""

    name: str
    kind: Kind
    default: str
    help: str


FLAGS: tuple[Flag, ...] = (
    Flag("name", Kind.TEXT, "default", "Name of this member."),
    Flag(
        "listen-client-urls",
        Kind.URLS,
        "http://localhost:2379",
        "Where to listen for gRPC and HTTP, both on each. Port 0 takes a free port. "
        "unix:/path/to/socket works too; https:// and unixs: are the same with TLS.",
    ),
    Flag(
        "advertise-client-urls",
        Kind.URLS,
        "",
        "Where clients are told to find this member. Empty: the addresses really listened on "
        "(etcd asks for this flag then).",
    ),
    Flag("max-txn-ops", Kind.COUNT, "128", "The most operations that a transaction may have."),
    Flag("max-request-bytes", Kind.COUNT, "1572864", "The largest request of a client, in bytes."),
    Flag(
        "heartbeat-interval",
        Kind.COUNT,
        "100",
        "Milliseconds of a heartbeat. A member alone has no heart to beat for: see the next.",
    ),
    Flag(
        "election-timeout",
        Kind.COUNT,
        "1000",
        "Milliseconds of whole heartbeats, at least five. A lease lives for one and a half times "
        "that at least, in whole seconds.",
    ),
    Flag(
        "auto-compaction-mode",
        Kind.TEXT,
        "periodic",
        "How to read --auto-compaction-retention: periodic for a duration (a number alone is "
        "hours), revision for a number of revisions.",
    ),
    Flag(
        "auto-compaction-retention",
        Kind.TEXT,
        "0",
        "How much history is kept without being asked. 0: all of it.",
    ),
    Flag(
        "watch-progress-notify-interval",
        Kind.DURATION,
        "10m",
        "How often watchers that want it are told the revision while nothing happens; 100ms at "
        "the least.",
    ),
    Flag("cert-file", Kind.PATH, "", "The server's certificate, in PEM."),
    Flag("key-file", Kind.PATH, "", "Its private key, in PEM."),
    Flag(
        "trusted-ca-file",
        Kind.PATH,
        "",
        "The certificates, in PEM, that clients' ones must lead to. With it, clients have to show "
        "one.",
    ),
    Flag(
        "client-cert-auth",
        Kind.SWITCH,
        "false",
        "Clients have to show a certificate, and its common name is the user that calls, where "
        "auth is on and no token says otherwise.",
    ),
    Flag(
        "client-crl-file",
        Kind.PATH,
        "",
        "A revocation list, in DER: clients whose serial numbers it has are refused.",
    ),
    Flag(
        "client-cert-allowed-hostname",
        Kind.TEXTS,
        "",
        "Names and addresses for one of which a client's certificate must be valid.",
    ),
    Flag(
        "auto-tls",
        Kind.SWITCH,
        "false",
        "Make a certificate that signs itself, where none is given. It is in memory alone.",
    ),
    Flag("self-signed-cert-validity", Kind.COUNT, "1", "Years that this one is valid for."),
    Flag(
        "cipher-suites",
        Kind.TEXTS,
        "",
        "What TLS 1.2 may use, by Go's names. Empty: what Go uses.",
    ),
    Flag("tls-min-version", Kind.TEXT, "TLS1.2", "The oldest TLS: TLS1.2 or TLS1.3."),
    Flag("tls-max-version", Kind.TEXT, "", "The newest TLS, named so too. Empty: the newest."),
    Flag(
        "auth-token",
        Kind.TEXT,
        "simple",
        "What tokens are, once there are users: simple, or jwt,sign-method=METHOD,priv-key=FILE"
        "[,pub-key=FILE][,ttl=DURATION] for signed ones. Empty: nobody gets one.",
    ),
    Flag(
        "auth-token-ttl",
        Kind.COUNT,
        "300",
        "Seconds that a simple token lives after its last use. 0: 300.",
    ),
    Flag(
        "bcrypt-cost",
        Kind.COUNT,
        "10",
        "What hashing a password costs: from 4 to 31, each twice as much as the one before.",
    ),
    Flag(
        "log-level",
        Kind.LEVEL,
        "info",
        "How much to log on stderr: debug, info, warn, error, panic or fatal.",
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
    Flag("version", Kind.SWITCH, "false", "Print the versions and exit."),
    Flag("help", Kind.SWITCH, "false", "Print this text and exit."),
)

TOKEN_VARIABLE = "FAKE_ETCD_CONTROL_TOKEN"
"""Environment: the token where no flag gives one."""

LEVELS = ("debug", "info", "warn", "error", "dpanic", "panic", "fatal")
"""zap's levels, in order; upper case is taken too, and "warning" for "warn"."""

_BY_NAME: Mapping[str, Flag] = {flag.name: flag for flag in FLAGS}
_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE = frozenset(("0", "f", "F", "false", "FALSE", "False"))
_GO_INTEGER = re.compile(
    r"0[xX](_?[0-9a-fA-F])+|0[bB](_?[01])+|0[oO]?(_?[0-7])+|0|[1-9](_?[0-9])*", re.ASCII
)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 §2.1
_MAX_UINT64 = (1 << 64) - 1
_MAX_ELECTION_MS = 50_000  # etcd: embed/config.go, maxElectionMs
_SECOND, _HOUR = 1_000_000_000, 3_600_000_000_000  # nanoseconds


class UsageError(Exception):
    """The command line is wrong: one line for stderr, and the status to exit with."""

    def __init__(self, message: str, exit_status: int = BAD_FLAG) -> None:
        super().__init__(message)
        self.exit_status = exit_status


@dataclass(frozen=True, slots=True)
class Settings:
    """The command line, understood."""

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


def parse(arguments: Sequence[str]) -> Settings:
    """The settings that some arguments (without the program's name) make.

    Raises:
        UsageError: for the first thing that is wrong, in etcd's order and words.

    >>> parse(["--max-txn-ops", "512", "-name=a"]).max_txn_ops
    512
    """
    given = _split(arguments)
    if given.get("help") == "true":
        return _settings({"help": "true"})
    settings = _settings(given)
    if not settings.version:
        _check(settings, given)
    return settings


def _split(arguments: Sequence[str]) -> dict[str, str]:
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
        flag = _BY_NAME.get(name)
        if flag is None:
            raise UsageError(f"flag provided but not defined: -{name}")
        if not equals and flag.kind is Kind.SWITCH:
            value = "true"
        elif not equals:
            if not rest:
                raise UsageError(f"flag needs an argument: -{name}")
            value = rest.pop(0)
        _check_value(flag, value)
        given[name] = value
    if rest:
        raise UsageError(f"{quote(rest[0])} is not a valid flag", BAD_CONFIGURATION)
    return given


def _check_value(flag: Flag, value: str) -> None:
    """Refuse a value at once, so that the first bad flag on the line is the one named."""
    if flag.kind is Kind.SWITCH and value not in _TRUE | _FALSE:
        raise UsageError(f"invalid boolean value {quote(value)} for -{flag.name}: parse error")
    try:
        if flag.kind is Kind.COUNT:
            _count(value)
        elif flag.kind is Kind.DURATION:
            _duration(value)
        elif flag.kind is Kind.URLS:
            parse_urls(value)
    except ValueError as error:
        raise UsageError(f"invalid value {quote(value)} for flag -{flag.name}: {error}") from None


def _count(text: str) -> int:
    """Go's strconv.ParseUint(text, 0, 64): decimal, 0x, 0o, 0b, leading 0, underscores."""
    if not _GO_INTEGER.fullmatch(text):
        raise ValueError("parse error")
    digits = text.replace("_", "").lower()
    is_old_octal = len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567"
    # The length keeps Python from refusing, or spending long on, a number of many digits.
    number = int(digits, 8 if is_old_octal else 0) if len(digits) < 100 else _MAX_UINT64 + 1
    if number > _MAX_UINT64:
        raise ValueError("value out of range")
    return number


def _duration(text: str) -> int:
    """Nanoseconds, of which Go's flag package says no more than that it cannot parse them."""
    try:
        return parse_duration(text)
    except ValueError:
        raise ValueError("parse error") from None


def _retention(mode: str, text: str) -> tuple[float, int]:
    """The period in seconds, or the number of revisions, and 0 for the other.

    etcd: embed/etcd.go, parseCompactionRetention, called once the server is under way; there a
    period below 0 makes the compactor spin.
    """
    if mode not in ("periodic", "revision"):
        what = f"unknown auto-compaction-mode {quote(mode)}" if mode else ""
        raise UsageError(what or "undefined auto-compaction-mode", BAD_CONFIGURATION)
    if re.fullmatch(r"[+]?\d+", text, re.ASCII):
        number = int(text)
        nanoseconds = number if mode == "revision" else number * _HOUR
    else:
        try:
            nanoseconds = parse_duration(text or "0")
        except ValueError as error:
            message = f"error parsing CompactionRetention: {error}"
            raise UsageError(message, BAD_CONFIGURATION) from None
    if nanoseconds < 0:
        message = f"--auto-compaction-retention {quote(text)} is below 0"
        raise UsageError(message, BAD_CONFIGURATION)
    return (0.0, nanoseconds) if mode == "revision" else (nanoseconds / _SECOND, 0)


def _settings(given: Mapping[str, str]) -> Settings:
    values = {flag.name: given.get(flag.name, flag.default) for flag in FLAGS}
    period_seconds, revisions = _retention(
        values["auto-compaction-mode"], values["auto-compaction-retention"]
    )
    return Settings(
        name=values["name"],
        listen_client_urls=parse_urls(values["listen-client-urls"]),
        advertise_client_urls=parse_urls(values["advertise-client-urls"]),
        max_txn_ops=_count(values["max-txn-ops"]),
        max_request_bytes=_count(values["max-request-bytes"]),
        heartbeat_interval_ms=_count(values["heartbeat-interval"]),
        election_timeout_ms=_count(values["election-timeout"]),
        auto_compaction_period_seconds=period_seconds,
        auto_compaction_revisions=revisions,
        watch_progress_notify_interval_seconds=(
            _duration(values["watch-progress-notify-interval"]) / _SECOND
        ),
        tls=_tls_settings(values, given),
        auth_token=values["auth-token"],
        auth_token_ttl=_count(values["auth-token-ttl"]),
        bcrypt_cost=_count(values["bcrypt-cost"]),
        log_level=_level(values["log-level"]),
        control=values["control"] in _TRUE,
        control_token=values["control-token"] or os.environ.get(TOKEN_VARIABLE, ""),
        ready_json=values["ready-json"] in _TRUE,
        ready_fd=_count(values["ready-fd"]),
        version=values["version"] in _TRUE,
        help=values["help"] in _TRUE,
    )


def _tls_settings(values: Mapping[str, str], given: Mapping[str, str]) -> TlsSettings:
    def texts(name: str) -> tuple[str, ...]:
        return tuple(given[name].split(",")) if name in given else ()

    return TlsSettings(
        cert_file=values["cert-file"],
        key_file=values["key-file"],
        trusted_ca_file=values["trusted-ca-file"],
        client_cert_auth=values["client-cert-auth"] in _TRUE,
        client_crl_file=values["client-crl-file"],
        client_cert_allowed_hostname=texts("client-cert-allowed-hostname"),
        auto_tls=values["auto-tls"] in _TRUE,
        self_signed_cert_validity=_count(values["self-signed-cert-validity"]),
        tls_min_version=values["tls-min-version"],
        tls_max_version=values["tls-max-version"],
        cipher_suites=texts("cipher-suites"),
    )


def _level(text: str) -> str:
    level = {"": "info", "warning": "warn"}.get(text.lower(), text.lower())
    if level not in LEVELS:
        raise UsageError(f"unrecognized level: {quote(text)}")
    return level


def _check(settings: Settings, given: Mapping[str, str]) -> None:
    try:
        check_listen_urls(settings.listen_client_urls)
        check_advertise_urls(settings.advertise_client_urls)
    except UrlError as error:
        raise UsageError(str(error), BAD_CONFIGURATION) from None
    wrong = (
        _wrong_times(settings.heartbeat_interval_ms, settings.election_timeout_ms)
        or wrong_versions(settings.tls)
        or wrong_listening(settings.tls, settings.listen_client_urls)
    )
    if wrong is not None:
        raise UsageError(wrong, BAD_CONFIGURATION)
    if not settings.name:
        raise UsageError("--name is empty: a member needs a name", BAD_CONFIGURATION)
    wrong = _wrong_control(settings, given) or _wrong_ready_fd(settings.ready_fd)
    if wrong is not None:
        raise UsageError(wrong, BAD_CONFIGURATION)


def _wrong_control(settings: Settings, given: Mapping[str, str]) -> str | None:
    """Why the control API cannot be served so: who reaches it can do anything to this server."""
    token = settings.control_token
    if not settings.control:
        return (
            "--control-token does nothing without --control" if "control-token" in given else None
        )
    if token:
        if _TOKEN.fullmatch(token):
            return None
        where = "--control-token" if given.get("control-token") else TOKEN_VARIABLE
        return f"{where}: a token has letters, digits and -._~+/ only, and = at its end"
    for url in settings.listen_client_urls:
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


def help_text() -> str:
    """What --help prints: usage, then the table."""
    lines = [
        "Usage:",
        "",
        "  fake-etcd [flags]",
        "    Start an etcd v3 server that keeps its data in memory.",
        "",
        "  fake-etcd --version",
        "    Show the versions.",
        "",
        "Flags:",
        "",
    ]
    for flag in FLAGS:
        default = "" if flag.kind is Kind.SWITCH else f" '{flag.default}'"
        lines.append(f"  --{flag.name}{default}")
        lines.append(f"    {flag.help}")
    return "\n".join(lines) + "\n"


def markdown() -> str:
    """The table as a part of docs/command-line.md."""
    lines = ["| flag | value | default | what it does |", "| --- | --- | --- | --- |"]
    for flag in FLAGS:
        default = f"`{flag.default}`" if flag.default else ""
        lines.append(f"| `--{flag.name}` | {flag.kind.value} | {default} | {flag.help} |")
    return "\n".join(lines) + "\n"
