"""Real etcd's handshakes are those that ours are tested by."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from conformance import oracle
from tests.transport import behind_http, handshakes
from tests.transport.behind_http import Answer, Fields, ask
from tests.transport.handshakes import CASES, GARBAGE, SECONDS, Case, Client

from .conftest import built

_SHARED = "one port for both"
"""A group of this file alone: "mutual", with clients that speak no TLS on the same port."""


class Etcds:
    """A server for each group, started when it is asked for, and what each logs."""

    def __init__(self, program: Path, folder: Path, stack: ExitStack) -> None:
        self._program = program
        self._stack = stack
        self._started: dict[str, tuple[int, Path]] = {}
        self.folder = folder

    def start(self, group: str) -> tuple[int, Path]:
        """Its port, and its log."""
        if group not in self._started:
            self._started[group] = self._start(group)
        return self._started[group]

    def _start(self, group: str) -> tuple[int, Path]:
        data = self._stack.enter_context(tempfile.TemporaryDirectory())
        log = self.folder / f"{group}.log"
        plain, arguments = oracle.command(self._program, Path(data))
        # It listens without TLS, too, so that it can be asked whether it is well.
        (port,) = oracle.free_ports(1) if group != _SHARED else [int(plain.rpartition(":")[2])]
        flags = handshakes.flags_of(group if group != _SHARED else "mutual", self.folder)
        urls = f"{plain},https://127.0.0.1:{port}"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *arguments,
                    *flags,
                    "--log-level=warn",
                    f"--listen-client-urls={urls}",
                    f"--advertise-client-urls={urls}",
                ],
                stdout=subprocess.DEVNULL,
                stderr=output,
            )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        deadline = time.monotonic() + oracle.START_SECONDS
        while not (oracle.is_well(plain) and oracle.is_settled(plain)):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        return port, log


@pytest.fixture(scope="module")
def etcds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcds]:
    program = built(oracle.build)
    folder = tmp_path_factory.mktemp("certificates")
    handshakes.write_certificates(folder)
    with ExitStack() as stack:
        yield Etcds(program, folder, stack)


def rejections(log: Path) -> list[str]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [
        line["error"] for line in lines if line["msg"] == "rejected connection on client endpoint"
    ]


def logged_since(log: Path, before: int, count: int) -> list[str]:
    """What was logged, once there are so many lines."""
    deadline = time.monotonic() + SECONDS
    while len(found := rejections(log)[before:]) < count and time.monotonic() < deadline:
        time.sleep(0.005)
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_handshake_ends_as_it_is_recorded(case: Case, etcds: Etcds) -> None:
    port, log = etcds.start(case.group)
    before = len(rejections(log))
    seen = handshakes.outcome(port, case.client, etcds.folder, says_something=case.is_served)
    assert seen == case.seen
    if case.logged is not None:
        (logged,) = logged_since(log, before, 1)
        assert re.fullmatch(case.logged, logged)


@pytest.mark.parametrize(("sent", "alert", "logged"), GARBAGE)
def test_what_is_no_handshake_is_refused_as_it_is_recorded(
    sent: bytes, alert: bytes, logged: str, etcds: Etcds
) -> None:
    port, log = etcds.start("server")
    before = len(rejections(log))
    assert handshakes.say(port, sent)[5:] == alert
    assert logged_since(log, before, 1) == [logged]


def test_plain_clients_are_served_beside_encrypted_ones(etcds: Etcds) -> None:
    port, _ = etcds.start(_SHARED)
    answer = handshakes.say(port, b"GET /health HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
    seen = handshakes.outcome(port, Client("alice"), etcds.folder, says_something=True)
    assert seen == handshakes.NEW_OK


@pytest.mark.parametrize(
    ("fields", "body", "ends", "expected"), [*behind_http.CASES, *behind_http.STRICTER]
)
def test_a_request_over_http2_is_answered_as_it_is_recorded(
    fields: Fields, body: bytes, ends: bool, expected: list[Answer], etcds: Etcds
) -> None:
    port, _ = etcds.start("server")
    assert ask(port, etcds.folder, fields, body, ends) == expected
