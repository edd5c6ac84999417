"""How the program of each language is made, and the command line that runs it.

The versions are those of the lock files beside the sources: go.sum, package-lock.json, pom.xml,
Cargo.lock. Clients in Python are those of the environment that the tests are in.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.interop.clients import build

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[2]


@dataclass(frozen=True, slots=True)
class Program:
    """A command line, and variables of its environment beside those of this process."""

    command: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)


# Go: the same sources for each version of the client.

GO = HERE / "go"

_BEFORE_3_5 = (
    ("go.etcd.io/etcd/api/v3/v3rpc", "go.etcd.io/etcd/etcdserver/api/v3rpc"),
    ("go.etcd.io/etcd/client/v3", "go.etcd.io/etcd/clientv3"),
)
"""Import paths, and what they were when etcd was one module."""


def go_version(release: str) -> str:
    """Of the client's module, such as "3.7.3", or "3.4.15 (PSEUDO-VERSION)"."""
    text = (GO / release / "go.mod").read_text()
    found = re.search(r"^\t(?:go\.etcd\.io/etcd(?:/client/v3)?) v(\S+)", text, re.MULTILINE)
    assert found, text
    # One module then, whose tags Go does not take: the commit is what etcdctl calls 3.4.15.
    return f"3.4.15 ({found[1]})" if release == "3.4" else found[1]


def go_folder(release: str) -> Path:
    """The programs for a release of the client: `checks`, `etcdctl`, and `kubernetes` from 3.6."""
    is_old = release == "3.4"
    locks = [GO / release / name for name in ("go.mod", "go.sum")]
    commands = ["checks"] if release in ("3.4", "3.5") else ["checks", "kubernetes"]
    sources = [GO / command / "main.go" for command in commands]

    def build_in(out: Path) -> None:
        module = out / "module"
        module.mkdir()
        for lock in locks:
            shutil.copy(lock, module)
        for source in sources:
            text = source.read_text()
            for now, then in _BEFORE_3_5 if is_old else ():
                text = text.replace(now, then)
            (module / source.parent.name).mkdir()
            (module / source.parent.name / source.name).write_text(text)
        go = ("go", "build", "-trimpath", "-o", f"{out}/")
        build.run(module, *go, "./...")
        etcdctl = "go.etcd.io/etcd/etcdctl" + ("" if is_old else "/v3")
        build.run(module, *go[:-1], str(out / "etcdctl"), etcdctl)
        shutil.rmtree(module)

    return build.kept("go", f"go-{release}", [*locks, *sources, Path(__file__)], build_in)


def go(release: str, program: str) -> Program:
    return Program((str(go_folder(release) / program),))


# Python


def python(module: str, *arguments: str, **variables: str) -> Program:
    """A program of the folder `python`, by the interpreter that runs the tests."""
    command = (sys.executable, "-m", f"tests.interop.clients.python.{module}", *arguments)
    return Program(command, {"PYTHONPATH": str(CHECKOUT), **variables})


def etcdctl(release: str) -> Program:
    return python("etcdctl", str(go_folder(release) / "etcdctl"))


def curl() -> Program:
    build.toolchain("curl")
    return python("curl")


# Others


def node(program: str) -> Program:
    folder = HERE / "node"
    locks = [folder / name for name in ("package.json", "package-lock.json")]

    def install(out: Path) -> None:
        for lock in locks:
            shutil.copy(lock, out)
        build.run(out, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")

    modules = build.kept("node", "node", locks, install) / "node_modules"
    variables = {"NODE_PATH": str(modules), "CLIENT_PROTOS": str(CHECKOUT / "protos")}
    return Program(("node", str(folder / program)), variables)


def rust() -> Program:
    folder = HERE / "rust"
    sources = [folder / "Cargo.toml", folder / "Cargo.lock", folder / "src" / "main.rs"]

    def compile_in(out: Path) -> None:
        # What others compiled is shared by all versions of the program.
        target = out.parents[1] / "rust-target"
        # The crate compiles etcd's .proto files: grpcio-tools has the compiler for that.
        protoc = str(Path(sys.executable).with_name("python-grpc-tools-protoc"))
        cargo = ("cargo", "build", "--locked")
        build.run(folder, *cargo, CARGO_TARGET_DIR=str(target), PROTOC=protoc)
        shutil.copy(target / "debug" / "rust-checks", out)

    return Program((str(build.kept("rust", "rust", sources, compile_in) / "rust-checks"),))


def java() -> Program:
    folder = HERE / "java"
    source = folder / "src" / "main" / "java" / "Checks.java"

    def compile_in(out: Path) -> None:
        maven = ("mvn", "--batch-mode", "--no-transfer-progress", "-q")
        shutil.copy(folder / "pom.xml", out)
        copying = ("dependency:copy-dependencies", f"-DoutputDirectory={out / 'jars'}")
        build.run(out, *maven, *copying)
        build.run(out, "javac", "-cp", f"{out / 'jars'}/*", "-d", str(out / "classes"), str(source))

    built = build.kept("java", "java", [folder / "pom.xml", source], compile_in)
    path = f"{built / 'classes'}{os.pathsep}{built / 'jars'}/*"
    return Program(("java", "-XX:TieredStopAtLevel=1", "-cp", path, "Checks"))


def ruby() -> Program:
    build.toolchain("ruby")
    descriptors = CHECKOUT / "fake_etcd" / "api" / "descriptors.binpb"
    return Program(("ruby", str(HERE / "ruby" / "checks.rb"), str(descriptors)))
