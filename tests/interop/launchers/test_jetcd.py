"""jetcd's launcher, which starts etcd in containers: its own command lines, without a container.

They are asked of the launcher's classes, and run in a network of their own, where nobody else has
etcd's ports; a client program of jetcd's goes there too.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from fake_etcd.testing import Tls, real_tls
from tests.interop.clients import build, languages
from tests.interop.launchers.surroundings import SECONDS, Surroundings, needs

HERE = Path(__file__).resolve().parent / "jetcd"
APART = ("unshare", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child")

Made = TypeVar("Made")

SCRIPT = """
ip link set lo up || exit 98
mount --bind "$DIR/hosts" /etc/hosts || exit 98
eval "exec $LAUNCH" >"$DIR/log" 2>&1 & pid=$!
n=0
until curl -fsk "$URL/health" >/dev/null; do
  n=$((n + 1)); [ $n -lt 200 ] || exit 99; sleep 0.1
done
eval "$CLIENT"
kill $pid; wait $pid; echo "status $?"
"""


@pytest.fixture(scope="module")
def launcher() -> Path:
    """A folder with the launcher's classes, and the program that asks them."""
    needs("unshare", "ip", "curl")
    if subprocess.run([*APART, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network of its own may be made here")
    source = HERE / "LauncherCommands.java"

    def compile_in(out: Path) -> None:
        shutil.copy(HERE / "pom.xml", out)
        maven = ("mvn", "--batch-mode", "--no-transfer-progress", "-q")
        jars = out / "jars"
        build.run(out, *maven, "dependency:copy-dependencies", f"-DoutputDirectory={jars}")
        build.run(out, "javac", "-cp", f"{jars}/*", "-d", str(out / "classes"), str(source))

    sources = [HERE / "pom.xml", source]
    return made(lambda: build.kept("java", "jetcd-launcher", sources, compile_in))


def made(make: Callable[[], Made]) -> Made:
    """What comes of it; without a toolchain for Java the test is skipped, or fails."""
    try:
        return make()
    except build.NoToolchain as error:
        if os.environ.get("FAKE_ETCD_REQUIRE_JAVA") == "1":
            pytest.fail(f"FAKE_ETCD_REQUIRE_JAVA=1, but {error}", pytrace=False)
        pytest.skip(str(error))


def command(
    launcher: Path, folder: Path, nodes: Sequence[str], tls: bool, mounted: bool
) -> list[str]:
    """How it starts the first of these nodes, with `env` before it."""
    certificates = folder / "resources" / "ssl" / "cert"  # it looks whether they are there
    certificates.mkdir(parents=True)
    for name in (f"{nodes[0]}.pem", f"{nodes[0]}-key.pem"):
        (certificates / name).touch()
    path = os.pathsep.join(
        [str(launcher / "classes"), f"{launcher}/jars/*", str(folder / "resources")]
    )
    flags = [str(each).lower() for each in (tls, mounted)]
    printed = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-cp", path, "LauncherCommands", *flags, *nodes],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        timeout=SECONDS,
    ).stdout.splitlines()
    words = printed[: printed.index("end")]
    # A container's folders are here: the one of its data, and the one of its certificates.
    words[words.index("--data-dir") + 1] = str(folder / "data")
    words = [word.replace("/etc/ssl/etcd", str(folder / "certificates")) for word in words]
    return ["env", *words]


@pytest.mark.parametrize(
    ("nodes", "tls", "mounted", "checks"),
    [
        (["etcd0"], False, True, ["put", "get", "prefix", "txn", "watch", "lease"]),
        (["etcd0"], True, False, ["tls"]),
        (["etcd0", "etcd1", "etcd2"], False, True, ["put", "txn"]),
    ],
    ids=["one", "tls", "one-of-three"],
)
def test_jetcd_works_on_what_its_launcher_starts(
    request: pytest.FixtureRequest,
    surroundings: Surroundings,
    launcher: Path,
    nodes: list[str],
    tls: bool,
    mounted: bool,
    checks: list[str],
) -> None:
    if len(nodes) > 1 and request.config.getoption("--real-etcd", False):
        pytest.skip("real etcd waits for the others, who would want the same ports")
    folder = surroundings.folder
    (folder / "hosts").write_text(f"127.0.0.1 localhost {' '.join(nodes)}\n")
    launch = command(launcher, folder, nodes, tls, mounted)
    if mounted:
        (folder / "data").mkdir(mode=0o777)
    client = made(languages.java)
    place = "127.0.0.1:2379"
    with contextlib.closing(real_tls.new_kit(Tls())) as kit:
        files = kit.files("client")
        real_tls.flags(kit)  # which writes them, by the names that the launcher has for them
        (folder / "certificates").symlink_to(files.ca_cert.parent)
        variables = {
            **surroundings.variables,
            **client.variables,
            "URL": f"http{'s' if tls else ''}://{place}",
            "LAUNCH": shlex.join(launch),
            "CLIENT": shlex.join(client.command),
            "CLIENT_CHECKS": ",".join(checks),
            "CLIENT_DIRECT": place,
            "CLIENT_THROUGH": place,
            "CLIENT_SECURE": place,
            "CLIENT_CA": str(files.ca_cert),
            "CLIENT_CERT": str(files.client_cert),
            "CLIENT_KEY": str(files.client_key),
        }
        said = replace(surroundings, variables=variables).run(*APART, "sh", "-c", SCRIPT)
    *results, status = said.splitlines()
    assert [json.loads(line) for line in results] == [
        {"check": name, "ok": True} for name in checks
    ]
    assert status == "status 143"
