"""The clients that are held against the server: which, in which version, and how each is run."""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.interop.clients import languages
from tests.interop.clients.checks import CHECKS, HTTP, KUBERNETES
from tests.interop.clients.languages import Program


@dataclass(frozen=True, slots=True)
class Client:
    """One client in one version.

    Args:
        name: of its test, and in the results.
        title: as people know it.
        language: for people.
        version: as its package has it; "" if it is whichever is installed with the toolchain.
        toolchain: what has to be there, a key of `build.TOOLS`.
        prepare: makes its program where that is to be made; raises `build.NoToolchain`.
        checks: what its program tells of, and all of it.
    """

    name: str
    title: str
    language: str
    version: str
    toolchain: str
    prepare: Callable[[], Program]
    checks: Mapping[str, str] = field(default_factory=lambda: CHECKS)


def _python(name: str, title: str, package: str, module: str, **variables: str) -> Client:
    version = importlib.metadata.version(package)
    return Client(
        name,
        title,
        "Python",
        version,
        "python",
        lambda: languages.python(module, **variables),
    )


def _npm(package: str) -> str:
    lock = json.loads((languages.HERE / "node" / "package-lock.json").read_text())
    return str(lock["packages"][f"node_modules/{package}"]["version"])


def _pinned(file: str, pattern: str) -> str:
    found = re.search(pattern, (languages.HERE / file).read_text())
    assert found, (file, pattern)
    return found[1]


_RELEASES = ("3.4", "3.5", "3.6", "3.7")

CLIENTS = (
    *(
        Client(
            f"go-{release}",
            "clientv3",
            "Go",
            languages.go_version(release),
            "go",
            lambda release=release: languages.go(release, "checks"),  # type: ignore[misc]
        )
        for release in _RELEASES
    ),
    *(
        Client(
            f"etcdctl-{release}",
            "etcdctl",
            "shell",
            languages.go_version(release),
            "go",
            lambda release=release: languages.etcdctl(release),  # type: ignore[misc]
        )
        for release in _RELEASES
    ),
    Client(
        "node-etcd3",
        "etcd3",
        "JavaScript",
        _npm("etcd3"),
        "node",
        lambda: languages.node("etcd3.js"),
    ),
    Client(
        "grpc-js",
        "@grpc/grpc-js",
        "JavaScript",
        _npm("@grpc/grpc-js"),
        "node",
        lambda: languages.node("grpc-js.js"),
    ),
    Client(
        "jetcd",
        "jetcd",
        "Java",
        _pinned("java/pom.xml", r"jetcd-core</artifactId>\s*<version>(\S+)</version>"),
        "java",
        languages.java,
    ),
    Client(
        "rust",
        "etcd-client",
        "Rust",
        _pinned("rust/Cargo.lock", r'name = "etcd-client"\nversion = "(\S+)"'),
        "rust",
        languages.rust,
    ),
    _python("grpcio", "grpcio", "grpcio", "blocking_stubs"),
    _python("grpc-aio", "grpc.aio", "grpcio", "asyncio_stubs"),
    _python(
        "python-etcd3",
        "python-etcd3",
        "etcd3",
        "python_etcd3",
        # Its modules are from an old protoc, which today's protobuf takes only in pure Python.
        PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION="python",
    ),
    _python("aetcd", "aetcd", "aetcd", "aetcd_client"),
    Client("ruby", "grpc", "Ruby", "", "ruby", languages.ruby),
    *(
        Client(
            f"kubernetes-{release}",
            "client/v3/kubernetes",
            "Go",
            languages.go_version(release),
            "go",
            lambda release=release: languages.go(release, "kubernetes"),  # type: ignore[misc]
            KUBERNETES,
        )
        for release in ("3.6", "3.7")
    ),
    Client("curl", "curl", "shell", "", "curl", languages.curl, HTTP),
)
"""All of them, in the page's order."""

BY_NAME = {client.name: client for client in CLIENTS}
