"""Patroni's `etcd3` module and probes by curl, as they go to etcd's HTTP port.

Both get the same of real etcd (`--real-etcd`).
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conformance import build_cache
from conformance.oracle import Running
from tests.interop.conftest import StartServer

PROGRAM = Path(__file__).parent / "json_clients" / "patroni_program.py"
PATRONI = ("patroni[etcd3]==4.1.5", "psycopg[binary]==3.3.9")
SECONDS = 120.0

PRINTED = """\
True
True
[True, False]
[True, False, False]
True True None
['a', 'b'] a a
{'ttl': 30} 7 False
True False
True
a b
False
True
None
True False
True True
False
None
('LeaseNotFound', 'etcdserver: requested lease not found', 5)
('AuthNotEnabled', 'etcdserver: authentication is not enabled', 9)
('InvalidArgument', 'etcdserver: key is not provided', 3)
('Etcd3ClientError', 'etcdserver: mvcc: required revision is a future revision', 11)
('UserEmpty', 'etcdserver: user name is empty', 3)
('AuthFailed', 'etcdserver: authentication failed, invalid user ID or password', 3)
True
['a', 'b', 'c']
True
"""


@pytest.fixture(scope="module")
def patroni() -> Path:
    """A folder with its packages; it is not imported without a driver of PostgreSQL."""

    def install(out: Path) -> None:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q"]
        command = [*pip, "--target", str(out), *PATRONI]
        subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)

    minor = ".".join(map(str, sys.version_info[:2]))
    try:
        return build_cache.kept("python", f"patroni-{minor}", " ".join(PATRONI).encode(), install)
    except subprocess.CalledProcessError as error:
        if os.environ.get("FAKE_ETCD_REQUIRE_CURL") == "1":
            pytest.fail(f"pip cannot install it: {error.stderr}")
        pytest.skip("pip cannot install Patroni here")


def test_patronis_nodes_agree_on_a_leader(start_server: StartServer, patroni: Path) -> None:
    """It enables authentication at the end, so it has a server of its own."""
    with start_server() as server:
        done = subprocess.run(
            [sys.executable, str(PROGRAM), str(urlsplit(server.url).port)],
            env={**os.environ, "PYTHONPATH": str(patroni)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    assert (done.stdout, done.returncode) == (PRINTED, 0), done.stderr


def curl(url: str, *arguments: str) -> tuple[int, str]:
    """The status and the body."""
    if shutil.which("curl") is None:
        if os.environ.get("FAKE_ETCD_REQUIRE_CURL") == "1":
            pytest.fail("FAKE_ETCD_REQUIRE_CURL=1, but there is no curl")
        pytest.skip("there is no curl")
    command = ["curl", "-sS", "-w", "\n%{http_code}", *arguments, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_probes_of_a_gateway_find_what_they_look_for(server: Running) -> None:
    """What APISIX asks before it begins, and then for its routes."""
    assert curl(f"{server.url}/health") == (200, '{"health":"true","reason":""}')
    status, body = curl(f"{server.url}/version")
    assert status == 200
    assert json.loads(body)["etcdserver"] == "3.7.3"
    status, body = curl(f"{server.url}/v3/auth/authenticate", "-d", '{"name":"u","password":"p"}')
    assert (status, json.loads(body)["code"]) == (400, 9)
    assert json.loads(body)["message"] == "etcdserver: authentication is not enabled"
    for name in ("routes/1", "routes/2"):
        put = json.dumps({"key": encoded(f"/apisix/{name}"), "value": encoded(name)})
        assert curl(f"{server.url}/v3/kv/put", "-d", put)[0] == 200
    asked = json.dumps({"key": encoded("/apisix/"), "range_end": encoded("/apisix0")})
    status, body = curl(f"{server.url}/v3/kv/range", "-d", asked)
    found = json.loads(body)
    assert (status, found["count"]) == (200, "2")
    assert [each["value"] for each in found["kvs"]] == [encoded("routes/1"), encoded("routes/2")]


def test_a_watch_with_a_chunked_body_streams_lines(server: Running) -> None:
    key = encoded("/watched")
    put = json.dumps({"key": key, "value": encoded("1")})
    _, body = curl(f"{server.url}/v3/kv/put", "-d", put)
    revision = json.loads(body)["header"]["revision"]
    create = {"create_request": {"key": key, "start_revision": revision}}
    command = ["curl", "-sSN", "-H", "Transfer-Encoding: chunked", "-d", json.dumps(create)]
    watch = subprocess.Popen([*command, f"{server.url}/v3/watch"], stdout=subprocess.PIPE)
    try:
        assert watch.stdout is not None, "its output is read"
        created, past = (json.loads(watch.stdout.readline())["result"] for _ in range(2))
        assert created["created"] is True
        assert past["events"][0]["kv"]["value"] == encoded("1")
        assert curl(f"{server.url}/v3/kv/put", "-d", put)[0] == 200
        event = json.loads(watch.stdout.readline())["result"]["events"][0]
        assert event["kv"]["version"] == "2"
    finally:
        watch.kill()
        watch.communicate()
