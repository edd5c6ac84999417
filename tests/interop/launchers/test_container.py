"""The container recipe: what its files say, and the image that they make, tried without an engine.

Where namespaces may be made, `engine` carries the Dockerfile out with this machine as its base.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conformance import oracle
from tests.cli import dev_server
from tests.interop.launchers import dockerfile, engine
from tests.interop.launchers.engine import Container, Image

CHECKOUT = Path(__file__).resolve().parents[3]
STAGES = dockerfile.stages((CHECKOUT / "Dockerfile").read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text(encoding="utf-8"))
HEALTH_CHECK = json.loads(STAGES[-1].last("HEALTHCHECK").rest.removeprefix("CMD "))
SERVING = "serving client traffic insecurely"
SECONDS = 60.0


def test_the_context_has_the_package_and_what_installs_it() -> None:
    package = [
        path.relative_to(CHECKOUT)
        for path in (CHECKOUT / "fake_etcd").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    beside = [Path(name) for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE")]
    assert dockerfile.context(CHECKOUT) == sorted(package + beside)


def test_whose_image_it_is_and_how_it_is_used() -> None:
    """User, ports, folder and command as in etcd's own image, but for the user."""
    build, image = STAGES
    assert build.base == image.base == "python:3.13-slim"
    assert {name: image.last(name).rest for name in ("USER", "EXPOSE", "WORKDIR", "CMD")} == {
        "USER": "10001",
        "EXPOSE": "2379 2380",
        "WORKDIR": "/var/lib/etcd",
        "CMD": '["/usr/local/bin/etcd"]',
    }
    assert image.environment() == {"FAKE_ETCD_HEALTH_URL": "http://127.0.0.1:2379/health"}
    assert image.last("HEALTHCHECK").options == {
        "interval": "2s",
        "timeout": "2s",
        "start-period": "5s",
        "retries": "3",
    }


def test_compose_has_something_wait_for_a_healthy_server() -> None:
    services = COMPOSE["services"]
    program = services["tests"]["command"][-1]
    compile(program, "docker-compose.yml", "exec")
    assert list(COMPOSE) == ["services"]
    assert services == {
        "etcd": {
            "build": ".",
            "image": "fake-etcd",
            "command": [
                "etcd",
                "--listen-client-urls=http://0.0.0.0:2379",
                "--advertise-client-urls=http://etcd:2379",
            ],
            "ports": ["127.0.0.1:2379:2379"],
        },
        "tests": {
            "image": "fake-etcd",
            "depends_on": {"etcd": {"condition": "service_healthy"}},
            "healthcheck": {"disable": True},
            "command": ["/opt/fake_etcd/bin/python", "-c", program],
        },
    }


def health_check(url: str, **variables: str) -> int:
    """Its status, by the Python of the tests."""
    return subprocess.run(
        [sys.executable, *HEALTH_CHECK[1:]],
        env={**os.environ, "FAKE_ETCD_HEALTH_URL": f"{url}/health", **variables},
        stderr=subprocess.DEVNULL,
        timeout=SECONDS,
        check=False,
    ).returncode


def test_the_health_check_ends_with_0_where_one_serves_and_else_with_1() -> None:
    (nobody,) = oracle.free_ports(1)
    with dev_server.serving() as server:
        (url,) = server.addresses
        assert health_check(url) == 0
        assert health_check(url, http_proxy=f"http://127.0.0.1:{nobody}") == 0
        assert health_check(f"{url}/elsewhere") == 1
        server.stop(signal.SIGTERM)
        assert health_check(url) == 1


def test_the_health_check_asks_elsewhere_where_clients_need_tls() -> None:
    client, health = (f"127.0.0.1:{port}" for port in oracle.free_ports(2))
    flags = ["--auto-tls", f"--listen-client-urls=https://{client}"]
    with dev_server.serving(*flags, f"--listen-metrics-urls=http://{health}"):
        assert health_check(f"https://{client}") == 1
        assert health_check(f"http://{health}") == 0


def log_until(container: Container, text: str) -> None:
    assert container.outside.stderr is not None
    for line in container.outside.stderr:
        if text in line:
            return
    raise AssertionError("it ended before it logged that")


def has_the_runtime_and_nothing_else(image: Image) -> None:
    packages = {
        found[1]
        for path in image.changes
        if (found := re.search(r"/site-packages/([\w.-]+)", path))
    }
    assert "fake_etcd" in packages
    assert not packages & {"pip", "setuptools", "pytest", "h2", "hypothesis", "conformance"}
    assert [path for path in image.changes if path.startswith("./usr/")] == [
        "./usr/local/bin/etcd",
        "./usr/local/bin/fake-etcd",
        *engine.STAND_INS,
    ]
    elsewhere = [
        path for path in image.changes if not path.startswith(("./usr/", "./opt/fake_etcd/"))
    ]
    users = re.compile(r"\./etc/(\.pwd\.lock|g?shadow-?|passwd-?|group-?|sub[ug]id-?)")
    assert [path for path in elsewhere if not users.fullmatch(path)] == []


def has_etcd_as_a_command(image: Image) -> None:
    with image.running("sleep", "600") as container:
        for etcd in ("etcd", "/usr/local/bin/etcd", "fake-etcd"):
            done = container.execute(etcd, "--version")
            assert done.returncode == 0, done.stderr
            assert done.stdout.startswith("etcd Version: 3.7.3\n")
        assert container.execute(*HEALTH_CHECK).returncode == 1  # nobody serves


def serves_without_a_command_until_it_is_told_to_stop(image: Image) -> None:
    with image.running() as container:
        log_until(container, SERVING)
        assert container.execute(*HEALTH_CHECK).returncode == 0
        made = container.execute("stat", "-c", "%a %U", "/var/lib/etcd/default.etcd")
        assert made.stdout == "700 etcd\n"
        os.kill(container.first, signal.SIGTERM)
        _, log = container.outside.communicate(timeout=SECONDS)
    assert container.outside.returncode == 0
    assert json.loads(log.splitlines()[-1])["msg"] == "closed etcd server"


def runs_the_services_of_compose(image: Image) -> None:
    services = COMPOSE["services"]
    *python, program = services["tests"]["command"]
    with image.running(*services["etcd"]["command"]) as container:
        log_until(container, SERVING)
        assert container.execute(*HEALTH_CHECK).returncode == 0
        # Here is no name server that knows the services.
        done = container.execute(*python, program.replace("//etcd:", "//127.0.0.1:"))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["etcdserver"] == "3.7.3"


def keeps_its_data_where_etcd_does(image: Image) -> None:
    for folder in ("/etcd-data", "/var/etcd/data", "/var/lib/etcd/data"):
        with image.running("etcd", f"--data-dir={folder}") as container:
            log_until(container, SERVING)
            assert container.execute("stat", "-c", "%a %U", folder).stdout == "700 etcd\n"
        assert not Path(f"/proc/{container.first}").exists(), "nothing of it is left"


def test_the_image_stands_in_for_etcds(tmp_path: Path) -> None:
    """In one test, since it is made anew for each process that runs some."""
    if missing := engine.why_not():
        pytest.skip(f"nothing here can be an image: {missing}")
    with engine.started() as running:
        image = running.build(CHECKOUT, tmp_path)
        has_the_runtime_and_nothing_else(image)
        has_etcd_as_a_command(image)
        serves_without_a_command_until_it_is_told_to_stop(image)
        runs_the_services_of_compose(image)
        keeps_its_data_where_etcd_does(image)
