"""A dev server that keeps its data, killed again and again at random while it is written to.

`python -m tests.cli.killed FOLDER TIMES SEED` prints what each start found, as JSON. A process of
its own, so that servers are forked from one that has everything imported and no threads: a start
takes 30 ms then and not 300.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import sys
import time
from base64 import b64decode, b64encode
from pathlib import Path
from typing import NamedTuple

from fake_etcd.cli import host, main, persist, serving

IMPORTED = (host, serving)
"""For the children, that they need not."""

INTERVAL = "1ms"


class Life(NamedTuple):
    """One life of the server.

    Args:
        found: the values of the two keys when it began, which were always put together.
        acknowledged: the number that was put last before it was killed, as far as is known.
    """

    found: tuple[int, int]
    acknowledged: int


def start(folder: Path) -> tuple[int, int]:
    """A server as a child process: its process id and port."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            persist.MOST_OF_TIME = (
                0  # so that it writes nearly all the time, also when it is killed
            )
            os.close(reader)
            os.set_inheritable(writer, True)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            status = main.main(
                [
                    "--listen-client-urls=http://127.0.0.1:0",
                    f"--data-dir={folder}",
                    "--fake-persist",
                    f"--fake-persist-interval={INTERVAL}",
                    f"--ready-fd={writer}",
                    "--log-level=error",
                ]
            )
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader, encoding="utf-8") as ready:
        line = ready.readline()
    if not line:
        raise SystemExit("the server did not start")
    return child, int(json.loads(line)["endpoints"][0].rpartition(":")[2])


def ask(connection: http.client.HTTPConnection, path: str, body: object) -> dict[str, object]:
    connection.request("POST", path, json.dumps(body))
    found: dict[str, object] = json.loads(connection.getresponse().read())
    return found


def put_of(key: str, number: int) -> dict[str, object]:
    put = {"key": key, "value": b64encode(b"%d" % number).decode(), "prev_kv": False}
    return {"request_put": put}


def live(folder: Path, begins: int, seconds: float) -> Life:
    """Start it, see what is there, write for so long, and kill it."""
    child, port = start(folder)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    answer = ask(connection, "/v3/kv/range", {"key": "YQ==", "range_end": "Yw=="})
    kvs = answer.get("kvs", [])
    assert isinstance(kvs, list)
    a, b = ([int(b64decode(kv["value"])) for kv in kvs] + [0, 0])[:2]
    if begins == 1:  # so that a file takes some time
        ask(connection, "/v3/kv/put", {"key": "eg==", "value": b64encode(bytes(400_000)).decode()})
    number = begins
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ask(connection, "/v3/kv/txn", {"success": [put_of("YQ==", number), put_of("Yg==", number)]})
        number += 1
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    connection.close()
    return Life((a, b), number - 1)


def run(folder: Path, times: int, seed: int) -> list[Life]:
    """So many lives."""
    chance = random.Random(seed)
    lives: list[Life] = []
    begins = 1
    for _ in range(times):
        lives.append(live(folder, begins, chance.uniform(0.0, 0.1)))
        begins = lives[-1].acknowledged + 1
    return lives


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
