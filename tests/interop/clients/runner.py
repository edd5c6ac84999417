"""Runs a client program against a server and takes down what it says of each check.

The program is told in variables which checks to run, in which order (CLIENT_CHECKS, their names
with commas between them), and where the server is (CLIENT_DIRECT, CLIENT_THROUGH a proxy,
CLIENT_SECURE with CLIENT_CA, CLIENT_CERT and CLIENT_KEY; CLIENT_REAL=1 says that it is real etcd)
and prints one JSON object per line:

    {"check": "put", "ok": true}                         it holds; "note" may say more
    {"check": "put", "ok": false, "detail": "..."}       it does not
    {"check": "put", "ok": true, "missing": "..."}       the client has no such thing
    {"do": "cut"}                                        or "stall", or "flow": see `Proxy`

and reads the line "done" whenever something it asked for was done.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from conformance import oracle
from fake_etcd.testing import Tls, real_tls
from tests.cli import dev_server
from tests.interop.clients.proxy import Proxy

RUN_SECONDS = 240
"""Longest run of a program; it is seconds on an idle machine."""


class Broken(Exception):
    """A program did not do what client programs do; the text says what, with what it wrote."""


@dataclass(frozen=True, slots=True)
class Result:
    """Of one check.

    Args:
        ok: whether it held.
        note: what there is to say of how it was checked, or of what was wrong.
        missing: whether the client has nothing that could be checked; `note` says what it lacks.
    """

    ok: bool
    note: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """One that was started for one program, with its certificates."""

    direct: str
    secure: str
    variables: Mapping[str, str]


@contextlib.contextmanager
def serving(real: bool) -> Iterator[Server]:
    """A new server, ours or real etcd, on a plaintext port and on one with TLS."""
    with contextlib.closing(real_tls.new_kit(Tls(client_cert_auth=True))) as kit:
        files = kit.files("client")
        flags = real_tls.flags(kit)
        ports = oracle.free_ports(2)  # not 0 twice, which is one place to etcd
        direct, secure = (f"127.0.0.1:{port}" for port in ports)
        flags.append(f"--listen-client-urls=http://{direct},https://{secure}")
        started: AbstractContextManager[object] = (
            oracle.start(flags=flags) if real else dev_server.serving("--log-level=error", *flags)
        )
        with started:
            yield Server(
                direct,
                secure,
                {
                    "CLIENT_REAL": str(int(real)),
                    "CLIENT_CA": str(files.ca_cert),
                    "CLIENT_CERT": str(files.client_cert),
                    "CLIENT_KEY": str(files.client_key),
                },
            )


def run(
    command: Sequence[str | Path],
    checks: Iterable[str],
    server: Server,
    variables: Mapping[str, str],
) -> dict[str, Result]:
    """What a program says of its checks, by their names.

    Args:
        command: the program with its arguments.
        checks: the names of those that it is to run, in this order.
        server: where it goes; it is not of use to others after this.
        variables: of its environment, beside those of this process.

    Raises:
        Broken: the program ended early, or badly, or wrote what it should not.
    """
    results: dict[str, Result] = {}
    with Proxy(server.direct) as proxy, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [str(each) for each in command],
            env={
                **os.environ,
                **variables,
                **server.variables,
                "CLIENT_CHECKS": ",".join(checks),
                "CLIENT_DIRECT": server.direct,
                "CLIENT_THROUGH": proxy.place,
                "CLIENT_SECURE": server.secure,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        late = threading.Timer(RUN_SECONDS, process.kill)
        late.start()
        try:
            _talk(process, proxy, results)
            status = process.wait()
        finally:
            late.cancel()
            process.kill()
            process.communicate()
        if status or any(not result.ok for result in results.values()):
            errors.seek(0)
            wrote = errors.read()[-8000:]
            failed = {name: result.note for name, result in results.items() if not result.ok}
            raise Broken(f"status {status} after {list(results)}, did not hold: {failed}\n{wrote}")
    return results


def _talk(process: subprocess.Popen[str], proxy: Proxy, results: dict[str, Result]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    trouble = {"cut": proxy.cut, "stall": proxy.stall, "flow": proxy.flow}
    for line in process.stdout:
        try:
            said = json.loads(line)
        except json.JSONDecodeError as error:
            raise Broken(f"not a line of JSON: {line!r}") from error
        if "do" in said:
            trouble[said["do"]]()
            process.stdin.write("done\n")
            process.stdin.flush()
        else:
            missing = said.get("missing")
            note = missing or said.get("note") or said.get("detail") or ""
            results[said["check"]] = Result(said["ok"], note, missing is not None)
