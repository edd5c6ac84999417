"""Compiles `protos/` into what the package ships: the descriptor set and the typed stub.

    python protos/compile.py            writes descriptors.binpb and messages.pyi in fake_etcd/api
    python protos/compile.py --check    only says what is stale, and exits 1 if anything is

Needs grpcio-tools (protoc). What the stub looks like is `stub.py`'s business.
"""

from __future__ import annotations

import argparse
import difflib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

PROTOS = Path(__file__).resolve().parent
API = PROTOS.parent / "fake_etcd" / "api"

sys.path.insert(0, str(PROTOS))  # where imported from elsewhere, as the tests do
from stub import render  # noqa: E402


def compile_set() -> bytes:
    """The descriptor set of every .proto file here, dependencies first, without source info.

    Raises:
        RuntimeError: protoc is missing or finds a fault; the text is protoc's.
    """
    sources = sorted(path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set.binpb"
        arguments = ["-I", str(PROTOS), "--include_imports", f"--descriptor_set_out={out}"]
        run = subprocess.run(
            [sys.executable, "-m", "grpc_tools.protoc", *arguments, *sources],
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise RuntimeError(run.stderr.strip() or f"protoc ended with {run.returncode}")
        return out.read_bytes()


def outputs() -> dict[Path, bytes]:
    """What the package should ship, by file."""
    compiled = compile_set()
    stub = render(FileDescriptorSet.FromString(compiled))
    return {API / "descriptors.binpb": compiled, API / "messages.pyi": stub.encode()}


def differences(path: Path, wanted: bytes) -> list[str]:
    """Lines for people about how the shipped file differs from the one wanted; none if it is it."""
    shipped = path.read_bytes() if path.exists() else b""
    if shipped == wanted:
        return []
    headline = f"{path.name} is stale: {len(shipped)} bytes shipped, {len(wanted)} compiled"
    before, after = _lines(path, shipped), _lines(path, wanted)
    diff = difflib.unified_diff(before, after, "shipped", "compiled", n=1, lineterm="")
    return [headline, *diff]


def _lines(path: Path, content: bytes) -> list[str]:
    if path.suffix == ".binpb":
        return str(FileDescriptorSet.FromString(content)).splitlines()
    return content.decode().splitlines()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compile the API's .proto files.")
    parser.add_argument("--check", action="store_true", help="only say whether the files are fresh")
    check: bool = parser.parse_args(arguments).check
    stale = False
    for path, wanted in outputs().items():
        found = differences(path, wanted)
        stale = stale or bool(found)
        if check:
            print("\n".join(found), end="\n" if found else "")
        elif found:
            path.write_bytes(wanted)
            print(f"wrote {path.name}, {len(wanted)} bytes")
    return int(check and stale)


if __name__ == "__main__":
    sys.exit(main())
