"""A small stand-in for a container engine: Linux' namespaces, and this machine as the base image.

It does what the instructions of our Dockerfile say, each `RUN` as it stands there, on a view of
this machine's files that nobody else sees and that is gone afterwards. So paths, users and
commands are tried; whether the base image has what they need is not.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.interop.launchers import dockerfile
from tests.interop.launchers.dockerfile import Instruction, Stage

SECONDS = 300.0
"""Longest step: pip fetches what the package needs."""

PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
TOP = Path("/mnt")
"""Where the views are, in the engine's own namespace of mounts."""

BASE_PYTHON = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]
"""The one that the tests' environment was made from."""

STAND_INS = ("./usr/local/bin/pip", "./usr/local/bin/python")
"""What a view has for what the base image brings."""

_MOUNTS = f"""
set -e
mount -t tmpfs none {TOP}
echo ready
exec cat
"""
_VIEW = """
set -e
mkdir $0 $0/changes $0/work $0/root
mount -t overlay none -o lowerdir=/,upperdir=$0/changes,workdir=$0/work $0/root
mount --rbind /dev $0/root/dev
mount -t proc none $0/root/proc
printf '#!/bin/sh\\nexec "%s" "$@"\\n' "$1" >$0/root/usr/local/bin/python
printf '#!/bin/sh\\nexec "%s" -m pip "$@"\\n' "$1" >$0/root/usr/local/bin/pip
chmod 755 $0/root/usr/local/bin/python $0/root/usr/local/bin/pip
# This Python may be in its user's home, where an image's is not.
folder=$0/root$(dirname "$1")
while [ "$folder" != $0/root ]; do chmod go+rx "$folder"; folder=$(dirname "$folder"); done
"""
_CONTAINER = """
set -e
mount -t proc none $0/proc
ip link set lo up
exec chroot --userspec="$1" --groups= $0 /usr/bin/env -i sh -c 'cd "$0"; exec env "$@"' "${@:2}"
"""


def why_not() -> str:
    """What this machine lacks; empty: it can be an engine."""
    if not sys.platform.startswith("linux"):
        return "only Linux has namespaces"
    if os.getuid() != 0:
        return "only root may mount"
    for tool in ("unshare", "nsenter", "ip", "useradd", "bash"):
        if shutil.which(tool, path=PATH) is None:
            return f"{tool} is not here"
    pip = [BASE_PYTHON, "-m", "pip", "--python", BASE_PYTHON, "--version"]
    if subprocess.run(pip, capture_output=True, check=False).returncode:
        return f"{BASE_PYTHON} has no pip of version 22.3 or later"
    there = "mount -t tmpfs none /mnt && mkdir /mnt/1 /mnt/2 /mnt/3 && mount -t overlay none"
    there += " -o lowerdir=/,upperdir=/mnt/1,workdir=/mnt/2 /mnt/3"
    tried = ["unshare", "--mount", "sh", "-c", there]
    return subprocess.run(tried, capture_output=True, text=True, check=False).stderr.strip()


@dataclass(frozen=True, slots=True)
class Container:
    """One that runs: its first process is the command, with its stderr.

    Args:
        outside: the process that made it, which ends as the command does.
        first: the command's process.
        image: what it was made from.
    """

    outside: subprocess.Popen[str]
    first: int
    image: Image

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run something in it, as `docker exec` and health checks do."""
        variables = [f"{name}={it}" for name, it in self.image.environment.items()]
        entering = ["nsenter", f"--target={self.first}", "--mount", "--net", "--pid", "--"]
        as_user = ["chroot", f"--userspec={self.image.user}:{self.image.user}", "--groups="]
        return subprocess.run(
            [*entering, *as_user, str(self.image.root), "env", "-i", *variables, *command],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


@dataclass(frozen=True, slots=True)
class Image:
    """The last stage of a Dockerfile, carried out.

    Args:
        engine: whose it is.
        stage: its instructions.
        root: the folder of its files, in the engine's mounts.
        changes: files and links that it has beside those of its base, without bytecode.
    """

    engine: Engine
    stage: Stage
    root: Path
    changes: tuple[str, ...] = ()

    @property
    def user(self) -> str:
        return self.stage.last("USER").rest

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": PATH, **self.stage.environment()}

    @contextlib.contextmanager
    def running(self, *command: str) -> Iterator[Container]:
        """A container with a network and processes of its own; without a command, CMD's."""
        words = command or self.stage.last("CMD").command
        variables = [f"{name}={it}" for name, it in self.environment.items()]
        apart = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"]
        inside = [str(self.root), f"{self.user}:{self.user}", self.stage.last("WORKDIR").rest]
        with subprocess.Popen(
            [*self.engine.entering, *apart, "bash", "-c", _CONTAINER, *inside, *variables, *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as outside:
            first: int | None = None
            try:
                first = _child(outside)
                yield Container(outside, first, self)
            finally:
                # Who has become another user does not die with its parent any more.
                if first is not None and outside.poll() is None:
                    os.kill(first, signal.SIGKILL)
                    outside.wait(SECONDS)
                outside.kill()


def _child(process: subprocess.Popen[str]) -> int:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (found := children.read_text(encoding="ascii").split()):
        assert process.poll() is None, process.communicate()[1]
    return int(found[0])


@dataclass(frozen=True, slots=True)
class Engine:
    """Args:
    entering: begins a command line in the namespace where the views are.
    """

    entering: Sequence[str]

    def run(self, *command: str) -> str:
        """What a command prints there, which ends well."""
        done = subprocess.run(
            [*self.entering, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout}"
        return done.stdout.strip()

    def build(self, checkout: Path, folder: Path) -> Image:
        """Carry a checkout's Dockerfile out.

        Args:
            checkout: where it is, and what it copies from.
            folder: an empty one, for what .dockerignore lets through.
        """
        for path in dockerfile.context(checkout):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(checkout / path, folder / path)
        roots: dict[str, Path] = {"": folder}
        image = None
        for stage in dockerfile.stages((checkout / "Dockerfile").read_text(encoding="utf-8")):
            view = TOP / (stage.name or "last")
            self.run("sh", "-c", _VIEW, str(view), BASE_PYTHON)
            roots[stage.name] = view / "root"
            image = Image(self, stage, view / "root")
            self._carry_out(image, folder, roots)
        assert image is not None
        found = "find . -not -type d -not -name '*.pyc' | sort"
        changes = self.run("sh", "-c", f"cd {image.root.parent}/changes && {found}")
        return replace(image, changes=tuple(changes.split("\n")))

    def _carry_out(self, image: Image, context: Path, roots: dict[str, Path]) -> None:
        work = "/"
        for each in image.stage.instructions:
            if each.name == "WORKDIR":
                work = each.rest
                self.run("mkdir", "-p", f"{image.root}{work}")
            elif each.name == "COPY":
                source = roots[each.options["from"]] if "from" in each.options else context
                self._copy(each, source, Path(f"{image.root}{work}"), image.root)
            elif each.name == "RUN":
                there = [
                    "chroot",
                    str(image.root),
                    "env",
                    "-u",
                    "PYTHONPATH",
                    f"PATH={PATH}",
                    "sh",
                    "-c",
                ]
                self.run(*there, f"cd {shlex.quote(work)} && {each.rest}")

    def _copy(self, copy: Instruction, source: Path, work: Path, root: Path) -> None:
        *names, to = copy.rest.split()
        target = root / to[1:] if to.startswith("/") else work / to
        self.run("mkdir", "-p", str(target if to.endswith("/") else target.parent))
        for name in names:
            path = source / name.removeprefix("/")
            # Of a folder its content is copied, of a file the file.
            copy_it = '[ ! -d "$1" ] || { mkdir -p "$2"; set -- "$1/." "$2"; }; cp -a "$1" "$2"'
            self.run("sh", "-c", copy_it, "sh", str(path), str(target))


@contextlib.contextmanager
def started() -> Iterator[Engine]:
    """An engine; what it has mounted goes with it."""
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", _MOUNTS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "ready\n"
            yield Engine(["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt", "--"])
        finally:
            holder.kill()
