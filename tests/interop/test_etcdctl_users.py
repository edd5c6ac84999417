"""All users and roles, as etcdctl lists them: names first, then one by one with all details.

Whole outputs are compared with what etcdctl makes of the data; the same is true of real etcd
(`--real-etcd`).
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import golang, measure
from tests.interop.conftest import StartServer, built
from tests.interop.transcript import COMMAND_SECONDS, LOG_IN_TIMEOUT

PAGE = Path(__file__).resolve().parents[2] / "docs" / "auth.md"

USERS = 100
KEYS, PERMISSIONS = 10_000, 4
ROOT = "root:root"
"""Name and password, as the load generator makes them."""

ONE_OF_MANY = "user-3:user-3"

Etcdctl = Callable[..., subprocess.CompletedProcess[str]]


def etcdctl_at(program: Path, url: str) -> Etcdctl:
    """etcdctl, as some user or nobody."""
    variables = {name: it for name, it in os.environ.items() if not name.startswith("ETCDCTL_")}
    variables |= {"ETCDCTL_ENDPOINTS": url, "ETCDCTL_DIAL_TIMEOUT": LOG_IN_TIMEOUT}

    def run(*arguments: str, user: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments],
            env={**variables, "ETCDCTL_USER": user} if user else variables,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    return run


def key(number: int) -> str:
    """As the load generator has it."""
    return f"bench/{number:026d}"


def role_as_shown(number: int) -> str:
    """What `role get` prints of a role."""
    each = KEYS // PERMISSIONS
    ranges = "".join(
        f"\t[{key(start)}, {key(start + each - 1)}\x01)\n" for start in range(0, KEYS, each)
    )
    return f"Role role-{number}\nKV Read:\n{ranges}KV Write:\n{ranges}"


def listed(etcdctl: Etcdctl, user: str = "") -> tuple[str, list[str], str, list[str]]:
    """All users' names, what is shown of each, and the same of the roles."""
    users, roles = (etcdctl(kind, "list", user=user).stdout for kind in ("user", "role"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        of_users = pool.map(
            lambda name: etcdctl("user", "get", name, "--detail", user=user), users.split()
        )
        of_roles = pool.map(lambda name: etcdctl("role", "get", name, user=user), roles.split())
        shown_users = [each.stdout for each in of_users]
        return users, shown_users, roles, [each.stdout for each in of_roles]


def lines(names: list[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def test_all_users_and_roles_are_listed_with_their_details(start_server: StartServer) -> None:
    program = built(golang.etcdctl)
    built(golang.loadgen)
    numbers = sorted(range(USERS), key=str)
    expected = (
        lines(["root", *(f"user-{number}" for number in numbers)]),
        [
            "User: root\n\nRole root\nKV Read:\n\t[, <open ended>\nKV Write:\n\t[, <open ended>\n",
            *(f"User: user-{number}\n\n{role_as_shown(number)}" for number in numbers),
        ],
        lines([f"role-{number}" for number in numbers] + ["root"]),
        [
            *(role_as_shown(number) for number in numbers),
            "Role root\nKV Read:\n\t[, <open ended>\nKV Write:\n\t[, <open ended>\n",
        ],
    )
    with start_server() as server:
        etcdctl = etcdctl_at(program, server.url)
        measure.add_users(server, 0, USERS, PERMISSIONS)
        etcdctl("role", "add", "root")
        assert listed(etcdctl) == expected

        assert etcdctl("auth", "enable").stdout == "Authentication Enabled\n"
        assert listed(etcdctl, user=ROOT) == expected
        own = etcdctl("user", "get", "user-3", "--detail", user=ONE_OF_MANY)
        assert own.stdout == f"User: user-3\n\n{role_as_shown(3)}"
        for arguments in (
            ("user", "list"),
            ("role", "list"),
            ("user", "get", "user-4", "--detail"),
            ("role", "get", "role-4"),
        ):
            refused = etcdctl(*arguments, user=ONE_OF_MANY)
            assert refused.stdout == ""
            assert refused.stderr.endswith("Error: etcdserver: permission denied\n"), arguments
            unknown = etcdctl(*arguments)
            assert unknown.stdout == ""
            assert unknown.stderr.endswith("Error: etcdserver: user name is empty\n"), arguments


def test_the_commands_that_are_shown_print_what_is_said_of_them(
    start_server: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "etcdctl").symlink_to(built(golang.etcdctl))
    (shown,) = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    commands = re.findall(r"^\$ (.+)$", shown, re.MULTILINE)
    script = "\n".join(f"printf '%s\\n' {shlex.quote(f'$ {each}')}\n{each}" for each in commands)
    variables = {name: it for name, it in os.environ.items() if not name.startswith("ETCDCTL_")}
    with start_server() as server:
        done = subprocess.run(
            ["bash", "-c", script],
            env={
                **variables,
                "PATH": f"{tmp_path}{os.pathsep}{variables['PATH']}",
                "ETCDCTL_ENDPOINTS": server.url,
                "ETCDCTL_DIAL_TIMEOUT": LOG_IN_TIMEOUT,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=2 * COMMAND_SECONDS,
            check=False,
        )
    assert re.sub(r"^\{.*\n", "", done.stdout, flags=re.MULTILINE) == shown
