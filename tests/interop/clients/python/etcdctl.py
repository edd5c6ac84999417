"""etcdctl, whose path is the argument."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.interop.clients.python.program import (
    DEADLINE_SECONDS,
    LARGE,
    MANY,
    PLACES,
    TOO_LARGE,
    ask,
    main,
    same,
)

PROGRAM = sys.argv[1]
SECONDS = 60
PATIENT = ("--dial-timeout=60s", "--command-timeout=60s")


def environment(place: str) -> dict[str, str]:
    others = {name: it for name, it in os.environ.items() if not name.startswith("ETCDCTL_")}
    return {**others, "ETCDCTL_ENDPOINTS": place}


def finished(
    *arguments: str, place: str = PLACES.direct, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [PROGRAM, *PATIENT, *arguments],
        env=environment(place),
        input=stdin,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )


def ctl(*arguments: str, place: str = PLACES.direct, stdin: bytes = b"") -> str:
    """What a command prints, which ends well."""
    done = finished(*arguments, place=place, stdin=stdin)
    if done.returncode:
        raise AssertionError(f"{arguments}: {done.stderr.decode()}")
    return done.stdout.decode()


def refusal(*arguments: str, place: str = PLACES.direct, stdin: bytes = b"") -> str:
    """The last line that a command complains with, which does not end well."""
    done = finished(*arguments, place=place, stdin=stdin)
    if not done.returncode:
        raise AssertionError(f"{arguments}: it was answered")
    return done.stderr.decode().strip().splitlines()[-1]


def answer(*arguments: str) -> Any:
    return json.loads(ctl(*arguments, "--write-out=json"))


def set_to(key: str, value: str) -> int:
    """The revision that it makes."""
    return int(answer("put", key, value)["header"]["revision"])


def text(field: str) -> str:
    return base64.b64decode(field).decode()


@contextlib.contextmanager
def running(*arguments: str, place: str = PLACES.direct) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on until the end of the context."""
    process = subprocess.Popen(
        [PROGRAM, *arguments],
        env=environment(place),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """The next lines that it prints."""
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(count)]


def put() -> None:
    first = set_to("put/a", "1")
    same(set_to("put/a", "2"), first + 1)
    before = answer("put", "put/a", "3", "--prev-kv")["prev_kv"]
    same((text(before["value"]), before["version"], before["mod_revision"]), ("2", 2, first + 1))
    same(refusal("put", "", "x"), "Error: etcdserver: key is not provided")


def get() -> None:
    revision = set_to("get/a", "1")
    set_to("get/a", "2")
    (now,) = answer("get", "get/a")["kvs"]
    same((text(now["value"]), now["create_revision"], now["version"]), ("2", revision, 2))
    same(ctl("get", "get/a", f"--rev={revision}"), "get/a\n1\n")
    same(ctl("get", "get/none"), "")


def prefix() -> None:
    for number in range(5):
        set_to(f"prefix/{number}", str(number))
    same(ctl("get", "--prefix", "prefix/", "--print-value-only"), "0\n1\n2\n3\n4\n")
    page = answer("get", "--prefix", "prefix/", "--limit=2", "--order=DESCEND")
    same([text(kv["value"]) for kv in page["kvs"]], ["4", "3"])
    same((page["more"], page["count"]), (True, 5))
    same(ctl("del", "--prefix", "prefix/"), "5\n")


def txn() -> None:
    set_to("txn/a", "1")
    swap = b'value("txn/a") = "1"\n\nput txn/a 2\nget txn/a\n\ndel txn/a\n\n'
    same(ctl("txn", stdin=swap), "SUCCESS\n\nOK\n\ntxn/a\n2\n")
    same(ctl("txn", stdin=swap), "FAILURE\n\n1\n")


def watch() -> None:
    first = str(set_to("watch/a", "0"))  # what shows that it watches
    command = ("watch", "--prefix", "watch/", "--prev-kv", f"--rev={first}")
    wanted = ["PUT", "watch/a", "0", "watch/a", "1", "DELETE", "watch/a", "1", "watch/a", ""]
    with running(*command) as process:
        same(lines(process, 3), ["PUT", "watch/a", "0"])
        set_to("watch/a", "1")
        ctl("del", "watch/a")
        same(lines(process, 10), wanted)
    with running(*command) as process:
        same(lines(process, 13), ["PUT", "watch/a", "0", *wanted])


def resume() -> None:
    revision = set_to("resume/a", "0")
    with running("watch", "resume/a", f"--rev={revision}", place=PLACES.through) as process:
        for number in range(4):
            same(lines(process, 3), ["PUT", "resume/a", str(number)])
            ask("cut")
            set_to("resume/a", str(number + 1))
        same(lines(process, 3), ["PUT", "resume/a", "4"])


def lease() -> None:
    granted = re.fullmatch(r"lease (\w{16}) granted with TTL\(60s\)\n", ctl("lease", "grant", "60"))
    assert granted
    number = granted[1]
    same(ctl("put", "lease/a", "1", f"--lease={number}"), "OK\n")
    kept = f"lease {number} keepalived with TTL(60)"
    same(ctl("lease", "keep-alive", "--once", number), f"{kept}\n")
    with running("lease", "keep-alive", number) as process:
        same(lines(process, 1), [kept])
    left = ctl("lease", "timetolive", number, "--keys")
    same(re.sub(r"remaining\(\d+s\)", "remaining()", left), _left(number))
    same(ctl("lease", "revoke", number), f"lease {number} revoked\n")
    same(ctl("get", "lease/a"), "")


def _left(number: str) -> str:
    return f"lease {number} granted with TTL(60s), remaining(), attached keys([lease/a])\n"


def deadline() -> None:
    ask("stall")
    soon = f"--command-timeout={DEADLINE_SECONDS}s"
    said = refusal("get", "a", soon, "--dial-timeout=0.5s", place=PLACES.through)
    same(said, "Error: context deadline exceeded")
    ask("flow")
    same(ctl("get", "deadline/none", place=PLACES.through), "")


def cancel() -> str:
    ask("stall")
    with running("get", "a", *PATIENT, place=PLACES.through) as process:
        process.send_signal(signal.SIGINT)
        same(process.wait(SECONDS) != 0, True)
    ask("flow")
    same(ctl("get", "cancel/none", place=PLACES.through), "")
    revision = set_to("cancel/a", "1")
    with running("watch", "cancel/a", f"--rev={revision}") as process:
        same(lines(process, 3), ["PUT", "cancel/a", "1"])
        process.send_signal(signal.SIGINT)
        process.wait(SECONDS)
        set_to("cancel/a", "2")
        same(lines(process, 1), [""])
    return "a command is cancelled by SIGINT, which ends it"


def large() -> None:
    value = b"0123456789" * (LARGE // 10)
    same(ctl("put", "large", stdin=value), "OK\n")
    same(ctl("get", "large", "--print-value-only"), f"{value.decode()}\n")
    said = refusal("put", "large", stdin=bytes(TOO_LARGE))
    same(said, "Error: etcdserver: request is too large")


def concurrent() -> None:
    before = set_to("concurrent", "")
    with ThreadPoolExecutor(MANY) as pool:
        revisions = list(pool.map(lambda n: set_to(f"concurrent/{n}", str(n)), range(MANY)))
    same(sorted(revisions), list(range(before + 1, before + MANY + 1)))
    same(answer("get", "--prefix", "concurrent/", "--keys-only")["count"], MANY)


def members() -> None:
    (member,) = answer("member", "list")["members"]
    (status,) = answer("endpoint", "status")
    same(member["name"], "default")
    same((status["Status"]["version"], status["Status"]["leader"]), ("3.7.3", member["ID"]))


def tls() -> None:
    secure = (f"--cacert={PLACES.ca}", f"--cert={PLACES.cert}", f"--key={PLACES.key}")
    place = f"https://{PLACES.secure}"
    same(ctl("put", "tls", "1", *secure, place=place), "OK\n")
    same(ctl("get", "tls", *secure, place=place), "tls\n1\n")


def auth() -> None:
    for command in (
        "user add root:r",
        "user grant-role root root",
        "user add alice:a",
        "role add writer",
        "role grant-permission writer readwrite --prefix alice/",
        "user grant-role alice writer",
        "auth enable",
    ):
        ctl(*command.split())
    same(refusal("get", "alice/a"), "Error: etcdserver: user name is empty")
    failed = "Error: etcdserver: authentication failed, invalid user ID or password"
    same(refusal("get", "alice/a", "--user=alice:wrong"), failed)
    same(ctl("put", "alice/a", "1", "--user=alice:a"), "OK\n")
    same(ctl("get", "alice/a", "--user=alice:a"), "alice/a\n1\n")
    denied = "Error: etcdserver: permission denied"
    same(refusal("put", "bob/a", "1", "--user=alice:a"), denied)
    same(ctl("put", "bob/a", "2", "--user=root:r"), "OK\n")
    same(ctl("auth", "disable", "--user=root:r"), "Authentication Disabled\n")
    same(ctl("get", "bob/a"), "bob/a\n2\n")


if __name__ == "__main__":
    main(
        {
            "put": put,
            "get": get,
            "prefix": prefix,
            "txn": txn,
            "watch": watch,
            "resume": resume,
            "lease": lease,
            "deadline": deadline,
            "cancel": cancel,
            "large": large,
            "concurrent": concurrent,
            "members": members,
            "tls": tls,
            "auth": auth,
        }
    )
