"""Every block of Python in docs/client.md runs, in the order of the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fake_etcd.testing import FakeEtcd

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "client.md"

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)


def test_every_block_runs(
    fake_etcd: FakeEtcd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = GUIDE.read_text(encoding="utf-8")
    names: dict[str, object] = {"__name__": "guide"}
    blocks = list(_BLOCK.finditer(text))
    assert len(blocks) == text.count("```") // 2
    for block in blocks:
        line = text.count("\n", 0, block.start(1))
        code = block[1].replace("localhost:2379", fake_etcd.endpoint)
        exec(compile("\n" * line + code, str(GUIDE), "exec"), names)
