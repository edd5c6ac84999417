"""What keeps `etcd` running: supervisord, and a unit of systemd; with the files of the docs."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.oracle import is_well
from tests.interop.launchers.surroundings import HEALTHY, SECONDS, Surroundings, needs

PAGE = Path(__file__).resolve().parents[3] / "docs" / "drop-in.md"
UNIT, PROGRAM = re.findall(r"^```ini\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)

SUPERVISORD = """
[supervisord]
nodaemon=true
logfile={folder}/log
pidfile={folder}/supervisord.pid
[unix_http_server]
file={folder}/socket
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/socket
{program}
stdout_logfile={folder}/stdout
stderr_logfile={folder}/stderr
[program:wrong]
command=etcd --nonsense
autostart=false
autorestart=false
startsecs=0
stderr_logfile={folder}/wrong
"""


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform == "win32", reason="supervisord runs on Unix")
def test_supervisord_keeps_it_running(surroundings: Surroundings) -> None:
    folder, url = surroundings.folder, surroundings.url
    program = PROGRAM.replace("=etcd\n", f"=etcd {shlex.join(surroundings.flags)}\n", 1)
    configuration = folder / "supervisord.conf"
    configuration.write_text(SUPERVISORD.format(folder=folder, program=program))

    def supervisor(module: str, *arguments: str) -> list[str]:
        command = [sys.executable, "-m", f"supervisor.{module}", "-c", str(configuration)]
        return [*command, *arguments]

    def control(*arguments: str) -> str:
        return subprocess.run(
            supervisor("supervisorctl", *arguments),
            env=surroundings.variables,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        ).stdout.strip()

    def processes() -> list[int]:
        """Of `etcd`, in the order in which they were started."""
        found = re.findall(r"spawned: 'etcd' with pid (\d+)", (folder / "log").read_text())
        return [int(each) for each in found]

    with subprocess.Popen(
        supervisor("supervisord"), env=surroundings.variables, stdout=subprocess.DEVNULL
    ) as supervisord:
        until(lambda: is_well(url))
        os.kill(processes()[0], signal.SIGKILL)
        until(lambda: len(processes()) == 2 and is_well(url))
        assert control("restart", "etcd") == "etcd: stopped\netcd: started"
        until(lambda: is_well(url))
        assert control("stop", "etcd") == "etcd: stopped"
        assert not is_well(url)
        assert control("start", "wrong") == "wrong: started"
        until(lambda: "exited: wrong" in (folder / "log").read_text())
        assert control("shutdown") == "Shut down"
        assert supervisord.wait(SECONDS) == 0
    log = (folder / "log").read_text()
    assert re.findall(r"(?:exited|stopped): .*", log) == [
        "exited: etcd (terminated by SIGKILL; not expected)",
        "stopped: etcd (terminated by SIGTERM)",
        "stopped: etcd (terminated by SIGTERM)",
        "exited: wrong (exit status 2; not expected)",
    ]
    assert (folder / "stderr").read_text().count("ready to serve client requests") == 3
    assert "flag provided but not defined: -nonsense" in (folder / "wrong").read_text()


RESULTS = """
[Service]
ExecStopPost=/bin/sh -c 'echo $$SERVICE_RESULT $$EXIT_CODE $$EXIT_STATUS >>{folder}/results'
"""

SYSTEMD = r"""
mount -t tmpfs none /run && mkdir -p /run/systemd/system /run/user || exit 98
export XDG_RUNTIME_DIR=/run/user XDG_CONFIG_HOME="$DIR/config" HOME="$DIR"
"$SYSTEMD" --user & systemd=$!
until [ -S /run/user/systemd/private ]; do
  kill -0 $systemd 2>/dev/null || exit 98
  sleep 0.05
done
say() { systemctl --user "$@"; }
process() { say show --value -p MainPID etcd; }

systemd-analyze verify --user "$XDG_CONFIG_HOME"/systemd/user/*.service 2>&1
say start etcd && say is-active etcd && curl -fs "$URL/health" && echo
old=$(process); kill -KILL $old
until [ "$(process)" != $old ] && [ "$(say is-active etcd)" = active ]; do sleep 0.05; done
curl -fs "$URL/health" && echo
say restart etcd && curl -fs "$URL/health" && echo
say stop etcd
say start wrong 2>/dev/null || echo "not started"
kill $systemd; wait $systemd
"""


def test_systemd_waits_until_it_is_ready(surroundings: Surroundings) -> None:
    """By a manager of its own, in namespaces: the machine's own is not asked for anything."""
    needs("curl", "unshare", "systemctl", "systemd-analyze")
    program = next(filter(os.path.exists, ["/lib/systemd/systemd", "/usr/lib/systemd/systemd"]), "")
    if not program or os.getuid() != 0:
        pytest.skip("to run systemd, it has to be here, and root has to run the tests")
    units = surroundings.folder / "config" / "systemd" / "user"
    units.mkdir(parents=True)
    flags = " ".join(surroundings.flags)
    for name, arguments in ("etcd", flags), ("wrong", "--nonsense"):
        unit = UNIT.replace("ExecStart=etcd", f"ExecStart={surroundings.etcd} {arguments}")
        (units / f"{name}.service").write_text(unit)
        (units / f"{name}.service.d").mkdir()
        results = RESULTS.format(folder=surroundings.folder)
        (units / f"{name}.service.d" / "results.conf").write_text(results)
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    done = subprocess.run(
        [*apart, "sh", "-c", SYSTEMD],
        env={**surroundings.variables, "SYSTEMD": program},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode == 98:
        pytest.skip(f"systemd does not run here: {done.stderr}")
    assert done.stdout.splitlines() == ["active", HEALTHY, HEALTHY, HEALTHY, "not started"]
    ends = (surroundings.folder / "results").read_text().splitlines()
    assert ends[:4] == [
        "signal killed KILL",
        "success killed TERM",
        "success killed TERM",
        "exit-code exited 2",
    ]
    assert set(ends[4:]) <= {"exit-code exited 2"}  # as often as systemd is quick to try
