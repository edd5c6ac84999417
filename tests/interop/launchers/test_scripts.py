"""What starts `etcd` from the PATH, unchanged: shell, Node, daemon tools, a terminal, process 1."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.interop.launchers.surroundings import FLAGS, HEALTHY, Surroundings, needs

UNTIL_HEALTHY = """
n=0
until curl -fs "$URL/health"; do
  n=$((n + 1)); [ $n -lt 200 ] || exit 99; sleep 0.1
done
"""

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
# SIGALRM is how `timeout` learns from the kernel that the time is over.
TIMEOUT = f"""
timeout -s TERM 600 etcd {FLAGS} 2>"$DIR/log" & pid=$!
{UNTIL_HEALTHY}
kill -ALRM $pid; wait $pid; echo " status $?"
"""
SESSION = f"""
setsid --fork sh -c '
  etcd {FLAGS} 2>"$DIR/log" & echo $! >"$DIR/pid"; wait $!; echo $? >"$DIR/status"
'
{UNTIL_HEALTHY}
kill -INT "$(cat "$DIR/pid")"
n=0
until [ -s "$DIR/status" ]; do n=$((n + 1)); [ $n -lt 200 ] || exit 99; sleep 0.1; done
echo " status $(cat "$DIR/status")"
"""
NOHUP = f"""
nohup etcd {FLAGS} >"$DIR/log" 2>&1 & pid=$!
{UNTIL_HEALTHY}
kill -HUP $pid
curl -fs "$URL/version" >/dev/null && kill $pid; wait $pid; echo " status $?"
"""
ENTRYPOINT = f"""
cat >"$DIR/entrypoint" <<'END'
#!/bin/sh
set -e
[ "${{1#-}}" = "$1" ] || set -- etcd "$@"
exec "$@"
END
chmod +x "$DIR/entrypoint"
"$DIR/entrypoint" {FLAGS} 2>"$DIR/log" & pid=$!
{UNTIL_HEALTHY}
kill $pid; wait $pid; echo " status $?"
"""
PROCESS_1 = f"""
unshare --pid --fork --kill-child --mount-proc etcd {FLAGS} 2>"$DIR/log" & pid=$!
{UNTIL_HEALTHY}
kill "$(cat /proc/$pid/task/$pid/children)"; wait $pid; echo " status $?"
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


@pytest.mark.parametrize(
    ("tool", "script", "end"),
    [
        ("curl", SHELL, " status 143"),
        ("start-stop-daemon", DAEMON, " status 0"),
        ("script", TERMINAL, " ended"),
        ("timeout", TIMEOUT, " status 124"),
        ("setsid", SESSION, " status 130"),
        ("nohup", NOHUP, " status 143"),
        ("curl", ENTRYPOINT, " status 143"),
    ],
    ids=["shell", "daemon", "terminal", "timeout", "session", "nohup", "entrypoint"],
)
def test_a_shell_script_waits_for_health(
    surroundings: Surroundings, tool: str, script: str, end: str
) -> None:
    needs("curl", tool)
    assert surroundings.run("sh", "-c", script) == HEALTHY + end


def can_be_process_1() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = ["unshare", "--pid", "--fork", "--mount-proc", "true"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not can_be_process_1(), reason="no process here may be the first of its own")
def test_as_process_1_it_ends_with_0(surroundings: Surroundings) -> None:
    needs("curl")
    assert surroundings.run("sh", "-c", PROCESS_1) == HEALTHY + " status 0"


def test_a_node_program_waits_for_the_line_of_the_log(surroundings: Surroundings) -> None:
    needs("node")
    assert surroundings.run("node", "-e", NODE) == HEALTHY + " code null signal SIGTERM"
