"""The descriptor set and the stub in the package are what protos/ compiles to."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("grpc_tools") is None,
    reason="grpcio-tools, which compiles protos/, is not installed",
)


def check(checkout: Path) -> tuple[int, str]:
    """Exit code and output of `protos/compile.py --check` in a checkout."""
    done = subprocess.run(
        [sys.executable, "protos/compile.py", "--check"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout with only what the compiler reads and writes."""
    shutil.copytree(CHECKOUT / "protos", tmp_path / "protos")
    api = tmp_path / "fake_etcd" / "api"
    api.mkdir(parents=True)
    for name in ("descriptors.binpb", "messages.pyi"):
        shutil.copy(CHECKOUT / "fake_etcd" / "api" / name, api)
    return tmp_path


def test_the_shipped_files_are_what_protos_compiles_to() -> None:
    assert check(CHECKOUT) == (0, "")


def test_a_changed_field_number_is_found_in_the_set_and_a_comment_is_not(copy: Path) -> None:
    kv = copy / "protos" / "fake_etcd" / "mvccpb" / "kv.proto"
    kv.write_text("// a comment more\n" + kv.read_text())
    assert check(copy) == (0, "")
    kv.write_text(kv.read_text().replace("int64 lease = 6;", "int64 lease = 7;"))
    code, output = check(copy)
    assert code == 1
    assert "descriptors.binpb is stale: " in output
    assert re.search(r"^- +number: 6\n\+ +number: 7$", output, re.MULTILINE)
    assert "-    LEASE_FIELD_NUMBER: ClassVar[int]  # 6\n" in output


def test_a_missing_file_is_stale_and_compiling_mends_it(copy: Path) -> None:
    stub = copy / "fake_etcd" / "api" / "messages.pyi"
    stub.unlink()
    code, output = check(copy)
    assert (code, output.splitlines()[0].partition(":")[0]) == (1, "messages.pyi is stale")
    subprocess.run([sys.executable, "protos/compile.py"], cwd=copy, check=True, timeout=120)
    assert stub.read_text() == (CHECKOUT / "fake_etcd" / "api" / "messages.pyi").read_text()
