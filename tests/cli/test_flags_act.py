"""Every flag that is said to act is read by what runs the server, not by the command line alone."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import fake_etcd
from fake_etcd.cli.flag_table import FLAGS
from fake_etcd.cli.flags import Settings, parse
from fake_etcd.cli.tls_flags import TlsSettings

SOURCES = Path(fake_etcd.__file__).parent
SUFFIXES = ("", "_seconds", "_ms")
FIELD_OF = {
    "auto-tls": "generates",
    "peer-auto-tls": "generates",
    "auto-compaction-mode": "auto_compaction_revisions",
    "auto-compaction-retention": "auto_compaction_period_seconds",
    "fake-persist-interval": "persist_interval_seconds",
    "fake-stop-grace": "stop_grace_seconds",
    "metrics": "extensive_metrics",
}
"""Flags whose field is not called as they are."""

READ_AT_ONCE = {"config-file", "logger"}
"""Flags that have no field: one names where the others are, one has a single value."""


def is_read(field: str) -> bool:
    """Whether a module that does not understand the command line looks at this setting."""
    wanted = re.compile(rf"\b_?settings\.{field}\b")
    return any(
        wanted.search(path.read_text("utf-8"))
        for path in SOURCES.rglob("*.py")
        if not path.name.startswith("flag")
    )


def field_of(flag: str) -> str:
    """The field of `Settings` or `TlsSettings` that says what a flag was."""
    if flag in FIELD_OF:
        return FIELD_OF[flag]
    settings = {field.name for field in dataclasses.fields(Settings)}
    settings |= {field.name for field in dataclasses.fields(TlsSettings)}
    names = [flag.replace("-", "_"), flag.removeprefix("peer-").replace("-", "_")]
    if flag == "peer-cert-allowed-hostname":
        names.append("client_cert_allowed_hostname")
    if flag == "peer-crl-file":
        names.append("client_crl_file")
    return next(name + end for name in names for end in SUFFIXES if name + end in settings)


def test_what_acts_is_read() -> None:
    acting = {flag.name for flag in FLAGS if flag.acts} - READ_AT_ONCE
    assert {flag for flag in acting if not is_read(field_of(flag))} == set()


def test_discovery_that_is_not_asked_is_said() -> None:
    settings = parse(["--discovery-srv=example.com"])
    assert settings.warnings == (
        (
            "no discovery service is asked: this process is a cluster of one member of its own",
            {},
        ),
    )
