"""What `fake_etcd ctl` does that etcdctl does not, or otherwise."""

from __future__ import annotations

import json

import pytest

from fake_etcd.testing import FakeEtcd
from tests.ctl.runs import Run, run


@pytest.fixture
def with_users(fake_etcd: FakeEtcd) -> str:
    """Where there are two users and two roles."""
    url = fake_etcd.url
    for command in (
        "role add reader",
        "role grant-permission reader read a/ --prefix",
        "role grant-permission reader readwrite b",
        "role add root",
        "user add ann:pw",
        "user add bob:pw",
        "user grant-role ann reader",
        "user grant-role ann root",
    ):
        assert run(f"--endpoints={url}", *command.split()).status == 0
    return url


@pytest.mark.parametrize("command", ["get", "list"])
def test_all_users_are_listed_with_their_roles(with_users: str, command: str) -> None:
    def listed(form: str) -> str:
        return run("user", command, "--all", "-w", form, f"--endpoints={with_users}").stdout

    assert listed("simple") == "User: ann\nRoles: reader root\nUser: bob\nRoles:\n"
    assert json.loads(listed("json")) == [
        {"user": "ann", "roles": ["reader", "root"]},
        {"user": "bob", "roles": []},
    ]
    assert listed("fields") == (
        '"User" : "ann"\n"Role" : "reader"\n"Role" : "root"\n\n"User" : "bob"\n\n'
    )
    assert listed("table") == (
        "┌──────┬─────────────┐\n"
        "│ USER │    ROLES    │\n"
        "├──────┼─────────────┤\n"
        "│  ann │ reader root │\n"
        "│  bob │             │\n"
        "└──────┴─────────────┘\n"
    )


@pytest.mark.parametrize("command", ["get", "list"])
def test_all_roles_are_listed_with_what_they_permit(with_users: str, command: str) -> None:
    def listed(form: str) -> str:
        return run("role", command, "--all", "-w", form, f"--endpoints={with_users}").stdout

    assert listed("simple") == (
        "Role reader\nKV Read:\n\t[a/, a0) (prefix a/)\n\tb\nKV Write:\n\tb\n"
        "Role root\nKV Read:\n\t[, <open ended>\nKV Write:\n\t[, <open ended>\n"
    )
    assert json.loads(listed("json")) == [
        {
            "role": "reader",
            "perm": [{"key": "YS8=", "range_end": "YTA="}, {"permType": 2, "key": "Yg=="}],
        },
        {"role": "root", "perm": [{"permType": 2, "range_end": "AA=="}]},
    ]
    assert listed("fields") == (
        '"Role" : "reader"\n'
        '"PermType" :  READ\n"Key" : "a/"\n"RangeEnd" : "a0"\n'
        '"PermType" :  READWRITE\n"Key" : "b"\n"RangeEnd" : ""\n'
        '\n"Role" : "root"\n'
        '"PermType" :  READWRITE\n"Key" : ""\n"RangeEnd" : "\\x00"\n\n'
    )
    assert listed("table") == (
        "┌────────┬────────────┬─────┬───────────┐\n"
        "│  ROLE  │ PERMISSION │ KEY │ RANGE END │\n"
        "├────────┼────────────┼─────┼───────────┤\n"
        "│ reader │       READ │  a/ │        a0 │\n"
        "│ reader │  READWRITE │   b │           │\n"
        "│   root │  READWRITE │     │      \\x00 │\n"
        "└────────┴────────────┴─────┴───────────┘\n"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("user get --all ann", "user get --all command requires no arguments"),
        ("user list --all ann", "user list command requires no arguments"),
        (
            "user get --all --detail",
            "--all has no --detail: `role get --all` tells what roles permit",
        ),
        ("role get --all r", "role get --all command requires no arguments"),
        ("user get --all -w protobuf", "protobuf not supported as output format"),
    ],
)
def test_all_excludes_names_and_details(with_users: str, arguments: str, told: str) -> None:
    status = 4 if "protobuf" in arguments else 128
    found = run(*arguments.split(), f"--endpoints={with_users}")
    assert found == Run("", f"Error: {told}\n", status)


@pytest.mark.parametrize("name", ["check", "check perf", "completion bash", "make-mirror x"])
def test_commands_that_are_not_here_say_so(name: str) -> None:
    first = name.split()[0]
    told = f"Error: {first} is not part of fake_etcd ctl: etcdctl itself has it\n"
    assert run(*name.split()) == Run("", told, 1)


def test_a_variable_that_makes_no_sense_is_refused() -> None:
    told = 'invalid value "5" for ETCDCTL_DIAL_TIMEOUT: time: missing unit in duration "5"'
    found = run("get", "a", environ={"ETCDCTL_DIAL_TIMEOUT": "5"})
    assert found == Run("", f"Error: {told}\n", 1)


def test_domains_are_not_asked_for_servers() -> None:
    told = (
        "Error: --discovery-srv asks DNS where the servers are, which fake_etcd ctl does not do:"
        " give --endpoints\n"
    )
    assert run("get", "a", "--discovery-srv=example.com") == Run("", told, 1)


def test_the_time_a_command_may_take_is_taken_from_the_environment() -> None:
    environ = {"ETCDCTL_ENDPOINTS": "127.0.0.1:1", "ETCDCTL_COMMAND_TIMEOUT": "50ms"}
    assert run("put", "a", "1", environ=environ) == Run("", "Error: context deadline exceeded\n", 1)


ASKED = "Password of ann: \nType password of ann again for confirmation: \n"


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("pw\npw\n", Run(f"{ASKED}User ann created\n")),
        ("pw\npx\n", Run(ASKED, "Error: given passwords are different\n", 128)),
        ("\n", Run("Password of ann: \n", "Error: empty password\n", 128)),
        ("", Run("Password of ann: \n", "Error: empty password\n", 128)),
    ],
)
def test_a_password_is_asked_for_twice(fake_etcd: FakeEtcd, typed: str, printed: Run) -> None:
    assert run("user", "add", "ann", f"--endpoints={fake_etcd.url}", stdin=typed) == printed


def test_leases_can_be_compared_by_their_hexadecimal_id(fake_etcd: FakeEtcd) -> None:
    environ = {"ETCDCTL_ENDPOINTS": fake_etcd.url}
    lease = run("lease", "grant", "600", environ=environ).stdout.split()[1]
    run("put", "a", "1", f"--lease={lease}", environ=environ)

    def compared(with_id: str) -> Run:
        return run("txn", environ=environ, stdin=f'lease("a") = "{with_id}"\n\n\n\n')

    assert compared(lease) == Run("SUCCESS\n")
    assert compared("0") == Run("FAILURE\n")


def test_a_result_that_there_is_not_is_refused(fake_etcd: FakeEtcd) -> None:
    line = 'val("a") ! "4"'
    found = run("txn", f"--endpoints={fake_etcd.url}", stdin=line + "\n\n\n\n")
    assert found == Run("", f"Error: malformed comparison: {line} (unknown result !)\n", 3)


def test_debug_tells_what_each_flag_is(fake_etcd: FakeEtcd) -> None:
    environ = {"ETCDCTL_ENDPOINTS": fake_etcd.url}
    found = run("get", "a", "--debug", environ=environ)
    assert found.status == 0
    assert found.stderr.splitlines()[:5] == [
        "ETCDCTL_AUTH_JWT_TOKEN=",
        "ETCDCTL_CACERT=",
        "ETCDCTL_CERT=",
        "ETCDCTL_COMMAND_TIMEOUT=5s",
        "ETCDCTL_DEBUG=true",
    ]
    assert f"ETCDCTL_ENDPOINTS=[{fake_etcd.url}]" in found.stderr.splitlines()
