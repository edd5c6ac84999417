"""The command line is read and refused as etcd 3.7.3 reads and refuses it.

The refusals were recorded from the real binary, each with the exit status beside it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fake_etcd.cli import flag_pages, tls_flags
from fake_etcd.cli.flag_table import Kind
from fake_etcd.cli.flag_values import GATES
from fake_etcd.cli.flags import FLAGS, Settings, UsageError, parse
from fake_etcd.cli.main import main
from fake_etcd.cli.tls_flags import TlsSettings
from fake_etcd.cli.urls import parse_urls
from fake_etcd.cli.validate import TOKEN_VARIABLE

HTTPS = "--listen-client-urls=https://127.0.0.1:1"
SUITE = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
DOCS = Path(__file__).resolve().parents[2] / "docs"


def refusal(*arguments: str) -> tuple[str, int]:
    with pytest.raises(UsageError) as caught:
        parse(arguments)
    return str(caught.value), caught.value.exit_status


def test_without_arguments_all_is_as_etcd_has_it() -> None:
    settings = parse([])
    assert settings == Settings(
        name="default",
        listen_client_urls=settings.listen_client_urls,
        advertise_client_urls=(),
        max_txn_ops=128,
        max_request_bytes=1_572_864,
        heartbeat_interval_ms=100,
        election_timeout_ms=1000,
        auto_compaction_period_seconds=0.0,
        auto_compaction_revisions=0,
        watch_progress_notify_interval_seconds=600.0,
        tls=TlsSettings(
            cert_file="",
            key_file="",
            trusted_ca_file="",
            client_cert_auth=False,
            client_crl_file="",
            client_cert_allowed_hostname=(),
            auto_tls=False,
            self_signed_cert_validity=1,
            tls_min_version="TLS1.2",
            tls_max_version="",
            cipher_suites=(),
        ),
        auth_token="simple",
        auth_token_ttl=300,
        bcrypt_cost=10,
        log_level="info",
        control=False,
        control_token="",
        ready_json=False,
        ready_fd=0,
        version=False,
        help=False,
        as_etcd=False,
        data_dir="",
        default_data_dir=False,
        wal_dir="",
        listen_peer_urls=(),
        initial_advertise_peer_urls=parse_urls("http://localhost:2380"),
        listen_client_http_urls=(),
        listen_metrics_urls=(),
        extensive_metrics=False,
        initial_cluster=(("default", ("http://localhost:2380",)),),
        initial_cluster_token="etcd-cluster",
        initial_cluster_state="new",
        log_format="json",
        log_outputs=("default",),
        enable_log_rotation=False,
        log_rotation_config_json=settings.log_rotation_config_json,
        warning_unary_request_duration_seconds=0.3,
        warning_apply_duration_seconds=0.1,
        grpc_keepalive_min_time_seconds=5.0,
        grpc_keepalive_interval_seconds=7200.0,
        grpc_keepalive_timeout_seconds=20.0,
        max_concurrent_streams=None,
        socket_reuse_port=False,
        socket_reuse_address=False,
        quota_backend_bytes=0,
        feature_gates={name: default for name, (_, default) in GATES.items()},
        max_learners=1,
        strict_reconfig_check=True,
        peer_tls=settings.tls,
        enable_pprof=False,
        enable_grpc_gateway=True,
        cors=("*",),
        host_whitelist=("*",),
        transport="native",
        stop_grace_seconds=0.0,
        fake_load="",
        fake_persist=False,
        persist_interval_seconds=1.0,
        unsafe_no_fsync=False,
        print_bin_dir=False,
        early=(),
        warnings=(),
    )
    assert [url.text for url in settings.listen_client_urls] == ["http://localhost:2379"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-name", "a", "-max-txn-ops", "7"],
        ["--name", "a", "--max-txn-ops", "7"],
        ["--name=a", "-max-txn-ops=7"],
        ["--name=b", "--name=a", "--max-txn-ops=0x7"],
        ["--name=a", "--max-txn-ops=007", "--"],
        ["--name=a", "--max-txn-ops=0b1_11", "--version=false"],
    ],
)
def test_every_way_to_write_a_flag_means_the_same(arguments: list[str]) -> None:
    settings = parse(arguments)
    assert (settings.name, settings.max_txn_ops) == ("a", 7)


@pytest.mark.parametrize(
    ("arguments", "period_seconds", "revisions"),
    [
        (["--auto-compaction-retention=2"], 7_200.0, 0),
        (["--auto-compaction-retention=90s"], 90.0, 0),
        (["--auto-compaction-mode=revision", "--auto-compaction-retention=1000"], 0.0, 1_000),
        (["--auto-compaction-mode=revision", "--auto-compaction-retention=1us"], 0.0, 1_000),
        (["--auto-compaction-mode=revision"], 0.0, 0),
        (["--auto-compaction-retention="], 0.0, 0),
    ],
)
def test_a_retention_is_hours_a_duration_or_a_number(
    arguments: list[str], period_seconds: float, revisions: int
) -> None:
    settings = parse(arguments)
    assert settings.auto_compaction_period_seconds == period_seconds
    assert settings.auto_compaction_revisions == revisions


@pytest.mark.parametrize(
    ("arguments", "heartbeat_ms", "election_ms"),
    [
        (["--election-timeout=500"], 100, 500),
        (["--heartbeat-interval=200"], 200, 1000),
        (["--heartbeat-interval=10000", "--election-timeout=50000"], 10_000, 50_000),
    ],
)
def test_an_election_takes_five_heartbeats_at_least(
    arguments: list[str], heartbeat_ms: int, election_ms: int
) -> None:
    settings = parse(arguments)
    assert settings.heartbeat_interval_ms == heartbeat_ms
    assert settings.election_timeout_ms == election_ms


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--auto-compaction-mode=x"], 'unknown auto-compaction-mode "x"'),
        (["--auto-compaction-mode="], "undefined auto-compaction-mode"),
        (
            ["--auto-compaction-retention=abc"],
            'error parsing CompactionRetention: time: invalid duration "abc"',
        ),
        (
            ["--auto-compaction-mode=revision", "--auto-compaction-retention=-5"],
            'error parsing CompactionRetention: time: missing unit in duration "-5"',
        ),
        (["--auto-compaction-retention=-1h"], '--auto-compaction-retention "-1h" is below 0'),
    ],
)
def test_a_retention_that_is_none_is_refused(arguments: list[str], text: str) -> None:
    assert refusal(*arguments) == (text, 1)


def test_a_progress_interval_is_a_duration() -> None:
    given = parse(["--watch-progress-notify-interval=1m30s"])
    assert given.watch_progress_notify_interval_seconds == 90.0
    assert refusal("--watch-progress-notify-interval=5") == (
        'invalid value "5" for flag -watch-progress-notify-interval: parse error',
        2,
    )


def test_a_value_may_look_like_a_flag() -> None:
    assert parse(["--name", "--version"]).name == "--version"


@pytest.mark.parametrize(
    ("given_level", "level"), [("INFO", "info"), ("", "info"), ("Warning", "warn")]
)
def test_a_level_is_taken_as_zap_takes_it(given_level: str, level: str) -> None:
    assert parse(["--log-level", given_level]).log_level == level


@pytest.mark.parametrize("level", ["debug", "info", "warn", "error", "panic", "fatal"])
def test_every_level_that_etcd_names_is_there(level: str) -> None:
    assert parse([f"--log-level={level}"]).log_level == level


@pytest.mark.parametrize("argument", ["-h", "--help", "-help=false", "--h=1", "--help=x"])
def test_help_wins_over_its_value_and_what_follows(argument: str) -> None:
    assert parse([argument, "--no-such-flag"]).help


def test_urls_are_each_there_once_and_sorted() -> None:
    settings = parse(
        ["--listen-client-urls", "http://127.0.0.1:2, http://127.0.0.1:1,http://127.0.0.1:2"]
    )
    assert [url.text for url in settings.listen_client_urls] == [
        "http://127.0.0.1:1",
        "http://127.0.0.1:2",
    ]


@pytest.mark.parametrize(
    ("url", "scheme", "host", "path"),
    [
        ("http://127.0.0.1:0", "http", "127.0.0.1:0", ""),
        ("HTTP://127.0.0.1:", "http", "127.0.0.1:", ""),
        ("http://[::1]:2379", "http", "[::1]:2379", ""),
        ("http://u:p@127.0.0.1:2379", "http", "127.0.0.1:2379", ""),
        ("http://127.0.0.1:2379?x=1", "http", "127.0.0.1:2379", ""),
        ("http://0.0.0.0:2379", "http", "0.0.0.0:2379", ""),
        ("unix:/run/a.sock", "unix", "", "/run/a.sock"),
        ("unix:///run/a.sock", "unix", "", "/run/a.sock"),
        ("unix://a.sock", "unix", "a.sock", ""),
        ("unix:a.sock", "unix", "", "a.sock"),
        ("unix://localhost:4001", "unix", "localhost:4001", ""),
    ],
)
def test_an_address_to_listen_on_is_taken_apart(
    url: str, scheme: str, host: str, path: str
) -> None:
    (parsed,) = parse(["--listen-client-urls", url]).listen_client_urls
    assert (parsed.scheme, parsed.host, parsed.path) == (scheme, host, path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-foo"], "flag provided but not defined: -foo"),
        (["--foo=1"], "flag provided but not defined: -foo"),
        (["--version", "--foo"], "flag provided but not defined: -foo"),
        (["---x"], "bad flag syntax: ---x"),
        (["-=x"], "bad flag syntax: -=x"),
        (["--max-request-bytes"], "flag needs an argument: -max-request-bytes"),
        (["--version=foo"], 'invalid boolean value "foo" for -version: parse error'),
        (["--max-txn-ops=-1"], 'invalid value "-1" for flag -max-txn-ops: parse error'),
        (["--max-txn-ops=1.5"], 'invalid value "1.5" for flag -max-txn-ops: parse error'),
        (["--max-txn-ops="], 'invalid value "" for flag -max-txn-ops: parse error'),
        (["--max-txn-ops", "0x"], 'invalid value "0x" for flag -max-txn-ops: parse error'),
        (["--max-txn-ops=é\tx"], 'invalid value "é\\tx" for flag -max-txn-ops: parse error'),
        (
            ["--max-request-bytes=99999999999999999999"],
            'invalid value "99999999999999999999" for flag -max-request-bytes: value out of range',
        ),
        (
            ["--max-txn-ops", "1" * 5000],
            'invalid value "' + "1" * 5000 + '" for flag -max-txn-ops: value out of range',
        ),
        (["--log-level=foo"], 'unrecognized level: "foo"'),
    ],
)
def test_a_flag_that_cannot_be_read_is_refused_in_etcds_words(
    arguments: list[str], message: str
) -> None:
    assert refusal(*arguments) == (message, 2)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("foo", "URL scheme must be http, https, unix, or unixs: foo"),
        ("localhost:2379", "URL scheme must be http, https, unix, or unixs: localhost:2379"),
        ("ftp://localhost:1", "URL scheme must be http, https, unix, or unixs: ftp://localhost:1"),
        ("//127.0.0.1:1", "URL scheme must be http, https, unix, or unixs: //127.0.0.1:1"),
        ("http://127.0.0.1:1,", "URL scheme must be http, https, unix, or unixs: "),
        ("http://localhost", 'URL address does not have the form "host:port": http://localhost'),
        ("http:127.0.0.1:1", 'URL address does not have the form "host:port": http:127.0.0.1:1'),
        ("http:///x", 'URL address does not have the form "host:port": http:///x'),
        ("http://:1/path", "URL must not contain a path: http://:1/path"),
        ("http://127.0.0.1:1/", "URL must not contain a path: http://127.0.0.1:1/"),
        (
            "127.0.0.1:2379",
            'parse "127.0.0.1:2379": first path segment in URL cannot contain colon',
        ),
        (":2379", 'parse ":2379": missing protocol scheme'),
        ("http://127.0.0.1:a", 'parse "http://127.0.0.1:a": invalid port ":a" after host'),
        ("http://127.0.0.1:-1", 'parse "http://127.0.0.1:-1": invalid port ":-1" after host'),
        ("http://::1:24", 'parse "http://::1:24": invalid port "::1:24" after host'),
        ("http://[::1]24", 'parse "http://[::1]24": invalid port "24" after host'),
        ("http://[::1:24", "parse \"http://[::1:24\": missing ']' in host"),
        (
            "http://[zz]:24",
            'parse "http://[zz]:24": invalid host: ParseAddr("zz"): unable to parse IP',
        ),
        ("http://a b:1", 'parse "http://a b:1": invalid character " " in host name'),
        ("http://%zz:1", 'parse "http://%zz:1": invalid URL escape "%zz"'),
    ],
)
def test_a_bad_url_is_refused_in_etcds_words(url: str, why: str) -> None:
    expected = f'invalid value "{url}" for flag -listen-client-urls: {why}'
    assert refusal("--listen-client-urls", url) == (expected, 2)


def test_a_line_end_in_a_url_does_not_end_the_line() -> None:
    assert refusal("--listen-client-urls", "http://x\n:1") == (
        'invalid value "http://x\\n:1" for flag -listen-client-urls: '
        'parse "http://x\\n:1": net/url: invalid control character in URL',
        2,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["extra"], '"extra" is not a valid flag'),
        (["--", "--name"], '"--name" is not a valid flag'),
        (["-"], '"-" is not a valid flag'),
        (["--version=false", "x"], '"x" is not a valid flag'),
        (
            ["--listen-client-urls=http://example.com:1"],
            "expected IP in URL for binding (http://example.com:1)",
        ),
        (["--listen-client-urls=http://:1"], "expected IP in URL for binding (http://:1)"),
        (
            ["--listen-client-urls=http://LOCALHOST:1"],
            "expected IP in URL for binding (http://LOCALHOST:1)",
        ),
        (
            ["--listen-client-urls=http://127.1:1"],
            "expected IP in URL for binding (http://127.1:1)",
        ),
        (
            ["--listen-client-urls=http://010.0.0.1:1"],
            "expected IP in URL for binding (http://010.0.0.1:1)",
        ),
        (
            ["--listen-client-urls=http://127.0.0.1:99999"],
            "listen tcp: address 99999: invalid port",
        ),
        (
            ["--heartbeat-interval=0", "--election-timeout=0", "--name="],
            "--heartbeat-interval must be >0 (set to 0ms)",
        ),
        (["--election-timeout=0"], "--election-timeout must be >0 (set to 0ms)"),
        (
            ["--election-timeout=499"],
            "--election-timeout[499ms] should be at least as 5 times as "
            "--heartbeat-interval[100ms]",
        ),
        (
            ["--heartbeat-interval=20000", "--election-timeout=60000"],
            "--election-timeout[60000ms] should be at least as 5 times as "
            "--heartbeat-interval[20000ms]",
        ),
        (
            ["--election-timeout=50001"],
            "--election-timeout[50001ms] is too long, and should be set less than 50000ms",
        ),
        (
            ["--tls-min-version=TLS1.1"],
            'unexpected TLS version "TLS1.1" (must be one of: TLS1.2, TLS1.3)',
        ),
        (
            ["--tls-max-version=x", "--cipher-suites=NOPE"],
            'unexpected TLS version "x" (must be one of: TLS1.2, TLS1.3)',
        ),
        (
            ["--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"],
            "min version (TLS1.3) is greater than max version (TLS1.2)",
        ),
        (
            ["--tls-min-version=TLS1.3", f"--cipher-suites={SUITE}"],
            "cipher suites cannot be configured when only TLS1.3 is enabled",
        ),
        (["--cipher-suites=NOPE"], 'unexpected TLS cipher suite "NOPE"'),
        (["--cipher-suites="], 'unexpected TLS cipher suite ""'),
        ([f"--cipher-suites={SUITE}, {SUITE}"], f'unexpected TLS cipher suite " {SUITE}"'),
        (
            ["--auto-tls", "--self-signed-cert-validity=0"],
            "selfSignedCertValidity is invalid,it should be greater than 0",
        ),
        (
            [HTTPS, "--cert-file=a"],
            "KeyFile and CertFile must both be present[key: , cert: a]",
        ),
        (
            [HTTPS, "--auto-tls", "--key-file=a"],
            "KeyFile and CertFile must both be present[key: a, cert: ]",
        ),
        *(
            (
                [HTTPS, "--cert-file=a", "--key-file=a", f"--cipher-suites={suite}"],
                "http2: TLSConfig.CipherSuites is missing an HTTP/2-required AES_128_GCM_SHA256 "
                "cipher (need at least one of TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 or "
                "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)",
            )
            for suite in ("TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305")
        ),
        (
            ["--heartbeat-interval=0", "--listen-client-urls=http://foo:1"],
            "expected IP in URL for binding (http://foo:1)",
        ),
        (
            ["--heartbeat-interval=0", "--advertise-client-urls=http://:2379"],
            '--advertise-client-urls "http://:2379" must be in the format "host:port", '
            '"unix:/path/to/socket" or "unixs:/path/to/socket" '
            "(unexpected empty host (http://:2379))",
        ),
    ],
)
def test_flags_that_make_no_sense_are_refused_in_etcds_words(
    arguments: list[str], message: str
) -> None:
    assert refusal(*arguments) == (message, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--listen-client-urls=https://127.0.0.1:1"],
            "TLS key/cert (--cert-file, --key-file) must be provided for client url "
            "https://127.0.0.1:1 with HTTPS scheme",
        ),
        (
            ["--listen-client-urls=unixs://a"],
            "TLS key/cert (--cert-file, --key-file) must be provided for client url unixs://a with "
            "HTTPS scheme",
        ),
        (["--listen-client-urls=unix:"], "a unix URL needs the path of its socket: unix:"),
        (["--transport=x"], '--transport "x" must be native or grpcio'),
        (["--control-token=a"], "--control-token does nothing without --control"),
        (
            ["--control", "--control-token=a b"],
            "--control-token: a token has letters, digits and -._~+/ only, and = at its end",
        ),
        (
            ["--ready-fd=1"],
            "--ready-fd=1 would close what this server prints to; use --ready-json",
        ),
        (
            ["--ready-fd=2"],
            "--ready-fd=2 would close what this server prints to; use --ready-json",
        ),
        *(
            (
                ["--control", f"--listen-client-urls=http://127.0.0.1:0,{url}"],
                f"--control is for this machine alone, and others can reach {url}: listen on "
                "127.0.0.1, or set a token by FAKE_ETCD_CONTROL_TOKEN or --control-token",
            )
            for url in ("http://0.0.0.0:1", "http://[::]:1", "http://192.0.2.1:1", "http://[1::]:1")
        ),
    ],
)
def test_what_only_we_refuse_is_said_in_one_line(arguments: list[str], message: str) -> None:
    assert refusal(*arguments) == (message, 1)


@pytest.mark.parametrize(
    "urls", ["http://localhost:1", "http://127.3.2.1:1", "http://[::1]:1", "unix:a", "unix:///a"]
)
def test_who_is_on_this_machine_needs_no_token(urls: str) -> None:
    settings = parse([f"--listen-client-urls={urls}", "--control"])
    assert (settings.control, settings.control_token) == (True, "")


def test_with_a_token_control_may_be_reached_from_elsewhere() -> None:
    settings = parse(
        ["--listen-client-urls=http://0.0.0.0:1", "--control", "--control-token=a-._~+/1=="]
    )
    assert (settings.control, settings.control_token) == (True, "a-._~+/1==")


def test_the_token_of_the_environment_gives_way_to_the_flags(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "secret")
    assert parse(["--control"]).control_token == "secret"
    assert parse(["--control", "--control-token=a"]).control_token == "a"
    assert parse(["--listen-client-urls=http://0.0.0.0:1", "--control"]).control
    assert not parse([]).control
    monkeypatch.setenv(TOKEN_VARIABLE, "se cret")
    assert refusal("--control") == (
        "FAKE_ETCD_CONTROL_TOKEN: a token has letters, digits and -._~+/ only, and = at its end",
        1,
    )


words = st.sampled_from(
    [f"--{flag.name}" for flag in FLAGS] + ["-", "--", "=", "-h", "http://", ":"]
)


@given(st.lists(st.one_of(words, st.text(max_size=20), st.tuples(words, st.text()).map("=".join))))
@example(["--max-txn-ops", "1" * 10_000])
@example(["--listen-client-urls=http://127.0.0.1:" + "1" * 10_000])
@example(["--listen-client-urls=http://\ud800:1"])
def test_any_command_line_is_settings_or_a_refusal(arguments: list[str]) -> None:
    with contextlib.suppress(UsageError):
        parse(arguments)


def test_help_names_every_flag_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr()
    for flag in FLAGS:
        default = "" if flag.kind is Kind.SWITCH else f" '{flag.default}'"
        assert f"  --{flag.name}{default}\n    {flag.help}\n" in printed.out
    assert printed.err == ""


def test_a_mistake_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--a\nb"]) == 2
    assert capsys.readouterr() == (
        "",
        "flag provided but not defined: -a b\n" + flag_pages.usage() + "\n",
    )


def test_the_docs_page_has_the_table_as_it_is() -> None:
    page = (DOCS / "command-line.md").read_text(encoding="utf-8")
    assert flag_pages.markdown() in page, "put what flag_pages.markdown() gives there"
    assert flag_pages.old_markdown() in page, "put what flag_pages.old_markdown() gives there"


PLAIN_URL = "http://127.0.0.1:1"
IGNORES_FILES = (
    "scheme is http or unix while key and cert files are present; ignoring key and cert files"
)
IGNORES_AUTH = (
    "scheme is http or unix while --client-cert-auth is enabled; ignoring client cert auth for "
    "this URL"
)
IGNORES_FLAGS = "--auto-tls makes nothing of the flags about client certificates"


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        ([], []),
        (["--trusted-ca-file=a", f"--cipher-suites={SUITE}"], []),
        (["--cert-file=a"], [IGNORES_FILES]),
        (["--client-cert-auth"], [IGNORES_AUTH]),
        (["--client-cert-auth", "--cert-file=a"], [IGNORES_FILES, IGNORES_AUTH]),
        (["--auto-tls"], [IGNORES_FILES]),
        (["--auto-tls", "--client-cert-auth"], [IGNORES_FILES, IGNORES_FLAGS]),
        (
            ["--auto-tls", "--cert-file=a"],
            ["ignoring client auto TLS since certs given", IGNORES_FILES],
        ),
    ],
)
def test_what_tls_flags_do_not_do_is_said(arguments: list[str], messages: list[str]) -> None:
    settings = parse([f"--listen-client-urls={PLAIN_URL}", *arguments])
    found = list(tls_flags.warnings(settings.tls, settings.listen_client_urls))
    assert [each.message for each in found] == messages
    fields = [each.fields for each in found if "URL" in each.message or "scheme" in each.message]
    assert fields == [{"client-url": PLAIN_URL}] * len(fields)


def test_only_client_cert_auth_makes_users_of_common_names() -> None:
    def verifies(*arguments: str) -> bool:
        return parse([HTTPS, *arguments]).tls.verifies_clients

    pair = ("--cert-file=a", "--key-file=a")
    assert verifies(*pair, "--client-cert-auth")
    assert not verifies(*pair, "--trusted-ca-file=a")
    assert not verifies("--auto-tls", "--client-cert-auth")


def test_sections_of_a_config_file_are_flags(tmp_path: Path) -> None:
    file = tmp_path / "etcd.conf"
    file.write_text(
        "max-txn-ops: 1e3\n"
        "raft-read-timeout: ignored\n"
        "socket-options: {reuse-port: true}\n"
        "peer-transport-security: {allowed-cn: [a, b], auto-tls: true}\n"
        "client-transport-security: {allowed-hostname: [c]}\n"
        "log-outputs: [stderr, f]\n",
        encoding="utf-8",
    )
    settings = parse([f"--config-file={file}"])
    assert settings.max_txn_ops == 1000
    assert (settings.socket_reuse_port, settings.socket_reuse_address) == (True, False)
    assert (settings.peer_tls.allowed_cns, settings.peer_tls.auto_tls) == (("a", "b"), True)
    assert settings.tls.client_cert_allowed_hostname == ("c",)
    assert settings.log_outputs == ("f", "stderr")


def test_a_discovery_service_of_a_config_file_is_not_asked(tmp_path: Path) -> None:
    file = tmp_path / "etcd.conf"
    file.write_text(
        "discovery-config: {token: t, client: {endpoints: [a], dial-timeout: 5}}",
        encoding="utf-8",
    )
    messages = [message for message, _ in parse([f"--config-file={file}"]).warnings]
    assert any("no discovery service is asked" in message for message in messages)
