"""`fake-etcd ctl` as a process: signals, pipes, and what it loads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fake_etcd.cli.main import main
from fake_etcd.testing import FakeEtcd

CTL = (sys.executable, "-m", "fake_etcd", "ctl")
SECONDS = 30


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command that has been started, and is killed at the end if it has not ended."""
    process = subprocess.Popen([*CTL, *arguments], stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


LOADED = (
    "import sys; from fake_etcd.{module} import main; main({arguments!r});"
    " print(*sorted(name for name in sys.modules if name.startswith('fake_etcd.')))"
)


def loaded_by(module: str, *arguments: str) -> set[str]:
    """Which modules of the package a program loads that is run with these arguments."""
    program = LOADED.format(module=module, arguments=[*arguments])
    ended = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, timeout=SECONDS, check=True
    )
    return set(ended.stdout.decode().splitlines()[-1].split())


def test_nothing_of_the_emulator_is_loaded() -> None:
    get = "get", "a", "--endpoints=127.0.0.1:1", "--command-timeout=1ms"
    rooms = {name.split(".")[1] for name in loaded_by("ctl.main", *get)}
    assert rooms == {"api", "cli", "clientv3", "core", "ctl"}
    core = {name for name in loaded_by("ctl.main", *get) if name.startswith("fake_etcd.core.")}
    assert core == {"fake_etcd.core.go_url"}  # how Go quotes text


def test_under_the_name_etcd_it_is_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ctl", "version"], as_etcd=False) == 0
    assert main(["ctl", "version"], as_etcd=True) == 1
    assert '\\"ctl\\" is not a valid flag' in capsys.readouterr().err


def test_the_server_loads_nothing_of_it() -> None:
    loaded = loaded_by("cli.main", "--version")
    assert not {name for name in loaded if "ctl" in name or "clientv3" in name}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_watch_ends_by_the_signal_that_ends_it(fake_etcd: FakeEtcd) -> None:
    with running("watch", "a", "--rev=1", f"--endpoints={fake_etcd.url}") as watch:
        assert watch.stdout is not None, "it is read"
        subprocess.run(
            [*CTL, "put", "a", f"--endpoints={fake_etcd.url}"],
            input=b"from a pipe",
            timeout=SECONDS,
            check=True,
        )
        assert [watch.stdout.readline() for _ in range(3)] == [b"PUT\n", b"a\n", b"from a pipe\n"]
        watch.send_signal(signal.SIGINT)
        assert watch.wait(SECONDS) == -signal.SIGINT


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_lock_is_let_go_at_the_signal(fake_etcd: FakeEtcd) -> None:
    with running("lock", "l", f"--endpoints={fake_etcd.url}") as lock:
        assert lock.stdout is not None, "it is read"
        key = lock.stdout.readline().strip()
        assert [found for found, _ in fake_etcd.store.items("l/")] == [key]
        lock.send_signal(signal.SIGTERM)
        assert lock.wait(SECONDS) == 0
    assert fake_etcd.store.items("l/") == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")
def test_what_cannot_be_written_is_told() -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [*CTL, "version"], stdout=full, stderr=subprocess.PIPE, timeout=SECONDS, check=False
        )
    assert (ended.stderr, ended.returncode) == (b"Error: no space left on device\n", 1)


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
def test_a_password_is_not_shown_as_it_is_typed(fake_etcd: FakeEtcd) -> None:
    keyboard, terminal = os.openpty()
    command = [*CTL, "user", "add", "ann", f"--endpoints={fake_etcd.url}"]
    process = subprocess.Popen(command, stdin=terminal, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None, "it is read"
        for prompt in (b"Password of ann: ", b"Type password of ann again for confirmation: "):
            assert process.stdout.read(len(prompt)) == prompt
            while _shows_what_is_typed(terminal):
                assert process.poll() is None, "it asks"
            os.write(keyboard, b"secret\n")
            assert process.stdout.read(1) == b"\n"
        assert process.stdout.read() == b"User ann created\n"
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.communicate()
    os.set_blocking(keyboard, False)
    with pytest.raises(BlockingIOError):
        os.read(keyboard, 1)  # what a terminal would have shown
    assert _shows_what_is_typed(terminal)
    os.close(keyboard)
    os.close(terminal)


def _shows_what_is_typed(terminal: int) -> bool:
    import termios

    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_reader_that_goes_away_ends_it() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run([*CTL, "version"], stdout=writing, timeout=SECONDS, check=False)
    os.close(writing)
    assert ended.returncode == -signal.SIGPIPE
