"""Lines of the log in systemd's journal, which is a socket of the test's here."""

from __future__ import annotations

import array
import logging
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_etcd.cli import journal_log, logs
from fake_etcd.cli.etcd_lines import READY, say

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux'")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[tuple[socket.socket, logging.Logger]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.settimeout(20)
        handler = journal_log.JournalHandler(str(tmp_path / "socket"))
        handler.setFormatter(logs.JsonLines())
        log = logging.Logger("test")
        log.addHandler(handler)
        yield listening, log
        handler.close()


def fields(entry: bytes) -> dict[str, str]:
    """What a journald reads in an entry."""
    found = {}
    while entry:
        name, _, rest = entry.partition(b"\n")
        if b"=" in name:
            name, _, value = name.partition(b"=")
            entry = rest
        else:
            (size,) = struct.unpack("<Q", rest[:8])
            value, entry = rest[8 : 8 + size], rest[9 + size :]
        found[name.decode()] = value.decode()
    return found


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (logging.DEBUG, "7"),
        (logging.INFO, "6"),
        (logging.WARNING, "4"),
        (logging.ERROR, "3"),
        (logs.PANIC, "2"),
        (logging.CRITICAL, "2"),
    ],
)
def test_a_level_is_a_priority(
    journal: tuple[socket.socket, logging.Logger], level: int, priority: str
) -> None:
    listening, log = journal
    log.log(level, "text")
    assert fields(listening.recv(65_536))["PRIORITY"] == priority


def test_a_line_is_an_entry_with_its_package_and_its_program(
    journal: tuple[socket.socket, logging.Logger], monkeypatch: pytest.MonkeyPatch
) -> None:
    listening, log = journal
    monkeypatch.setattr(sys, "argv", ["/usr/bin/etcd"])
    say(log, READY)
    entry = fields(listening.recv(65_536))
    message = entry.pop("MESSAGE")
    assert message.endswith('"msg":"ready to serve client requests"}\n')
    assert entry == {"PRIORITY": "6", "PACKAGE": "embed", "SYSLOG_IDENTIFIER": "etcd"}


def test_a_line_that_is_too_large_comes_as_a_file(
    journal: tuple[socket.socket, logging.Logger],
) -> None:
    listening, log = journal
    log.info("x" * 1_000_000)
    data, rights, _, _ = listening.recvmsg(65_536, socket.CMSG_SPACE(4))
    assert data == b""
    descriptor = array.array("i", rights[0][2])[0]
    with os.fdopen(descriptor, "rb") as file:
        file.seek(0)
        assert "x" * 1_000_000 in fields(file.read())["MESSAGE"]


def test_a_line_that_nobody_takes_goes_to_stderr(
    journal: tuple[socket.socket, logging.Logger], capsys: pytest.CaptureFixture[str]
) -> None:
    listening, log = journal
    listening.close()
    log.info("text")
    assert '"msg":"text"' in capsys.readouterr().err
