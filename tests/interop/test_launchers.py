"""What starts `etcd` from the PATH, unchanged: shell, Node, daemon tools, a terminal.

With `--real-etcd` the same scripts start real etcd.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance import oracle
from tests.interop.conftest import built

FLAGS = (
    '--data-dir "$DIR/data" --listen-client-urls "$URL" --advertise-client-urls "$URL"'
    ' --listen-peer-urls "$PEER" --initial-advertise-peer-urls "$PEER"'
    ' --initial-cluster "default=$PEER"'
)
UNTIL_HEALTHY = """
n=0
until curl -fs "$URL/health"; do
  n=$((n + 1)); [ $n -lt 200 ] || exit 99; sleep 0.1
done
"""
HEALTHY = '{"health":"true","reason":""}'

SHELL = f"""
etcd {FLAGS} 2>"$DIR/log" & pid=$!
{UNTIL_HEALTHY}
kill $pid; wait $pid; echo " status $?"
"""
DAEMON = f"""
start-stop-daemon --start --background --make-pidfile --pidfile "$DIR/pid" \
  --startas "$(command -v etcd)" -- {FLAGS}
{UNTIL_HEALTHY}
start-stop-daemon --stop --quiet --retry TERM/20 --pidfile "$DIR/pid"; echo " status $?"
"""
TERMINAL = f"""
script -qec 'exec etcd {FLAGS}' /dev/null >"$DIR/log" 2>&1 </dev/null & pid=$!
{UNTIL_HEALTHY}
kill $pid; wait $pid; echo " ended"
"""
TIMEOUT = f"""
timeout -s TERM 4 etcd {FLAGS} 2>"$DIR/log" & pid=$!
{UNTIL_HEALTHY}
wait $pid; echo " status $?"
"""
NODE = r"""
const { spawn } = require("node:child_process");
const { DIR, URL: url, PEER: peer } = process.env;
const etcd = spawn("etcd", ["--data-dir", DIR + "/data", "--listen-client-urls", url,
  "--advertise-client-urls", url, "--listen-peer-urls", peer,
  "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer]);
let log = "", ready = false;
etcd.stderr.on("data", async (piece) => {
  log += piece;
  if (ready || !/.*ready to serve client requests.*/.test(log)) return;
  ready = true;
  process.stdout.write(await (await fetch(url + "/health")).text());
  etcd.kill("SIGTERM");
});
etcd.on("exit", (code, signal) => console.log(` code ${code} signal ${signal}`));
"""


@pytest.fixture
def surroundings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Variables of a launcher: the folder with `etcd` is the first of its PATH."""
    if request.config.getoption("--real-etcd", False):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "etcd").symlink_to(built(oracle.build))
    else:
        asked = [sys.executable, "-m", "fake_etcd", "--print-bin-dir"]
        folder = Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout[:-1])
    client, peer = oracle.free_ports(2)
    return {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "DIR": str(tmp_path),
        "URL": f"http://127.0.0.1:{client}",
        "PEER": f"http://127.0.0.1:{peer}",
    }


def run(command: list[str], surroundings: dict[str, str]) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not here")
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("tool", "script", "end"),
    [
        ("curl", SHELL, " status 143"),
        ("start-stop-daemon", DAEMON, " status 0"),
        ("script", TERMINAL, " ended"),
        ("timeout", TIMEOUT, " status 124"),
    ],
    ids=["shell", "start-stop-daemon", "terminal", "timeout"],
)
def test_a_shell_script_waits_for_health(
    surroundings: dict[str, str], tool: str, script: str, end: str
) -> None:
    if shutil.which(tool) is None or shutil.which("curl") is None:
        pytest.skip(f"{tool} or curl is not here")
    assert run(["sh", "-c", script], surroundings) == HEALTHY + end


def test_a_node_program_waits_for_the_line_of_the_log(surroundings: dict[str, str]) -> None:
    assert run(["node", "-e", NODE], surroundings) == HEALTHY + " code null signal SIGTERM"
