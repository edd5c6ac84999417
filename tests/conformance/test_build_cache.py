"""What takes long to build is built once, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conformance import build_cache


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "fake_etcd"


def written(text: str) -> Callable[[Path], None]:
    def build(path: Path) -> None:
        path.write_text(text)

    return build


def folder_of(text: str) -> Callable[[Path], None]:
    def build(path: Path) -> None:
        path.mkdir()
        (path / "file").write_text(text)

    return build


def test_it_is_built_once() -> None:
    first = build_cache.kept("go", "program", b"1", written("first"))
    assert build_cache.kept("go", "program", b"1", written("second")) == first
    assert first.read_text() == "first"


def test_it_is_built_anew_when_what_it_is_made_from_changes() -> None:
    first = build_cache.kept("go", "program", b"1", written("first"))
    second = build_cache.kept("go", "program", b"2", written("second"))
    assert (first.read_text(), second.read_text()) == ("first", "second")


def test_kinds_and_names_are_apart(cache: Path) -> None:
    kept = [
        build_cache.kept(kind, name, b"1", written(""))
        for kind in ("go", "clients")
        for name in ("a", "b")
    ]
    parts = [str(path.relative_to(cache)).rpartition("-")[0] for path in kept]
    assert parts == ["go/a", "go/b", "clients/a", "clients/b"]


def test_nothing_is_kept_of_what_fails(cache: Path) -> None:
    def breaks(path: Path) -> None:
        path.write_text("half")
        raise RuntimeError("no compiler")

    with pytest.raises(RuntimeError, match="no compiler"):
        build_cache.kept("go", "program", b"1", breaks)
    assert list((cache / "go").iterdir()) == []


def test_the_folder_of_a_process_that_was_faster_is_taken(cache: Path) -> None:
    def overtaken(path: Path) -> None:
        folder_of("mine")(path)
        build_cache.kept("clients", "x", b"1", folder_of("theirs"))

    found = build_cache.kept("clients", "x", b"1", overtaken)
    assert (found / "file").read_text() == "theirs"
    assert list((cache / "clients").iterdir()) == [found]
