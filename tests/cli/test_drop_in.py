"""What takes etcd's place: its name, its old flags, its data folder."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from fake_etcd.cli import bin_dir, data_dir
from fake_etcd.cli.flags import parse
from fake_etcd.cli.old_flags import OLD_FLAGS, OldFlag


def test_a_program_called_etcd_runs_without_a_home() -> None:
    folder = bin_dir.make()
    done = subprocess.run(
        ["etcd", "--version"],
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "etcd Version: 3.7.3"


@pytest.mark.parametrize("old", OLD_FLAGS, ids=lambda old: old.name)
def test_an_old_flag_is_warned_of(old: OldFlag) -> None:
    value = "true" if old.gate else {"duration": "1s"}.get(old.kind.value, "1")
    also = ["--feature-gates=LeaseCheckpoint=true"] if old.gate.endswith("Persist") else []
    warnings = parse([*also, f"--{old.name}={value}"]).warnings
    assert (old.message, {}) in warnings


def test_an_old_flag_is_taken_for_what_it_became() -> None:
    settings = parse(
        ["--experimental-watch-progress-notify-interval=5s", "--debug", "--log-output=stdout"]
    )
    assert settings.watch_progress_notify_interval_seconds == 5.0
    assert (settings.log_level, settings.log_outputs) == ("debug", ("stdout",))
    gated = parse(["--experimental-initial-corrupt-check"])
    assert gated.feature_gates["InitialCorruptCheck"]


def test_a_data_folder_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert data_dir.prepare(str(folder), "") == []
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [each.name for each in folder.iterdir()] == ["member"]


def test_an_open_data_folder_is_warned_of(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    ((message, fields),) = data_dir.prepare(str(tmp_path), "")
    assert message == "check file permission"
    assert fields == {
        "error": f'directory "{tmp_path}" exist, but the permission is "drwxr-xr-x". The '
        'recommended permission is "-rwx------" to prevent possible unprivileged access to the data'
    }
