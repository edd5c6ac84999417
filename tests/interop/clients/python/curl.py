"""curl, on what the server says by HTTP beside gRPC."""

from __future__ import annotations

import os
import subprocess

from tests.interop.clients.python.program import PLACES, main, same

SECONDS = 20

CERTIFICATE = ("--cacert", PLACES.ca, "--cert", PLACES.cert, "--key", PLACES.key)


def curl(*arguments: str) -> tuple[int, str]:
    """Its exit status, and what it prints: the body, then " VERSION STATUS"."""
    done = subprocess.run(
        [
            "curl",
            "-sS",
            "--noproxy",
            "*",
            "--write-out",
            " %{http_version} %{http_code}",
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def whole(version: str, place: str, *arguments: str) -> None:
    """Both pages, and one that is not there."""
    known = '{"etcdserver":"3.7.3","etcdcluster":"3.7.0","storage":"3.7.0"}'
    well = '{"health":"true","reason":""}'
    same(curl(*arguments, f"{place}/health"), (0, f"{well} {version} 200"))
    same(curl(*arguments, f"{place}/version"), (0, f"{known} {version} 200"))
    same(curl(*arguments, f"{place}/none"), (0, f"404 page not found\n {version} 404"))


def http1() -> None:
    whole("1.1", f"http://{PLACES.direct}")


def h2c() -> str:
    place = f"http://{PLACES.direct}"
    if os.environ.get("CLIENT_REAL") == "1":
        same(curl("--http2-prior-knowledge", f"{place}/health"), (0, " 2 415"))
    else:
        whole("2", place, "--http2-prior-knowledge")
    return "a difference of ours: real etcd knows HTTP/2 without TLS for gRPC alone, it answers 415"


def tls() -> None:
    place = f"https://{PLACES.secure}"
    whole("2", place, *CERTIFICATE)
    whole("1.1", place, "--http1.1", *CERTIFICATE)
    status, _ = curl("--cacert", PLACES.ca, f"{place}/version")
    same(status != 0, True)


if __name__ == "__main__":
    main({"HTTP/1.1": http1, "h2c": h2c, "TLS": tls})
