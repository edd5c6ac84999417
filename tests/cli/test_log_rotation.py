"""A log file that begins anew as it grows; refusals as etcd 3.7.3 has them."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import pytest

from fake_etcd.cli.flags import UsageError, parse
from fake_etcd.cli.log_rotation import RotatingFile, Rotation

LINE = "x" * (400 * 1024)


def write(path: Path, rotation: Rotation, lines: int) -> list[Path]:
    """The old files after so many lines, two of which a file has."""
    handler = RotatingFile(str(path), rotation)
    for number in range(lines):
        record = logging.LogRecord("", logging.INFO, "", 0, f"{number}{LINE}", (), None)
        handler.emit(record)
    handler.close()
    return sorted(each for each in path.parent.iterdir() if each != path)


def test_a_full_file_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "etcd.log"
    old = write(path, Rotation(maxsize=1), 3)
    assert [each.read_text()[0] for each in old] == ["0"]
    assert path.read_text() == f"2{LINE}\n"
    assert all(each.name.startswith("etcd-2") and each.suffix == ".log" for each in old)


def test_so_many_old_ones_are_kept(tmp_path: Path) -> None:
    old = write(tmp_path / "etcd.log", Rotation(maxsize=1, maxbackups=1), 7)
    assert [each.read_text()[0] for each in old] == ["4"]


def test_old_ones_are_packed(tmp_path: Path) -> None:
    [old] = write(tmp_path / "etcd.log", Rotation(maxsize=1, compress=True), 3)
    assert gzip.decompress(old.read_bytes()).decode() == f"0{LINE}\n1{LINE}\n"


def test_what_was_there_counts(tmp_path: Path) -> None:
    path = tmp_path / "etcd.log"
    assert write(path, Rotation(maxsize=1), 2) == []
    [old] = write(path, Rotation(maxsize=1), 1)
    assert old.read_text() == f"0{LINE}\n1{LINE}\n"


UNMARSHAL = "invalid log rotation config: json: cannot unmarshal"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "improperly formatted log rotation config: unexpected end of JSON input"),
        ("", "improperly formatted log rotation config: unexpected end of JSON input"),
        (
            "a",
            "improperly formatted log rotation config: invalid character 'a' looking for beginning "
            "of value",
        ),
        (
            '{"maxsize":"a"}',
            f"{UNMARSHAL} string into Go struct field logRotationConfig.Logger.maxsize of type int",
        ),
        (
            '{"maxsize":1.5}',
            f"{UNMARSHAL} number 1.5 into Go struct field logRotationConfig.Logger.maxsize of type "
            "int",
        ),
        ("[]", f"{UNMARSHAL} array into Go value of type embed.logRotationConfig"),
    ],
)
def test_what_etcd_refuses(text: str, message: str) -> None:
    flags = ["--enable-log-rotation", "--log-outputs=x.log", "--log-rotation-config-json", text]
    with pytest.raises(UsageError) as caught:
        parse(flags)
    assert (str(caught.value), caught.value.exit_status) == (message, 1)
    assert parse(flags[1:]).log_rotation_config_json == text
