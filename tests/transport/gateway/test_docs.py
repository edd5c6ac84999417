"""What docs/gateway.md and docs/maintenance.md say to type prints what they show."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from fake_etcd.api.methods import METHODS
from fake_etcd.cli import background

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = DOCS / "gateway.md"
SHOWN = "http://127.0.0.1:2379"
SECONDS = 20.0


def examples(page: Path) -> list[tuple[str, list[str]]]:
    """Every command with the lines that it prints."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def without_ids(text: str) -> str:
    return re.sub(r'"(cluster_id|member_id)":"[0-9]+"', r'"\1":""', text)


@pytest.mark.parametrize("page", [PAGE, DOCS / "maintenance.md"], ids=lambda page: page.name)
def test_the_examples_print_what_is_shown(page: Path) -> None:
    if shutil.which("curl") is None:
        if os.environ.get("FAKE_ETCD_REQUIRE_CURL") == "1":
            pytest.fail("FAKE_ETCD_REQUIRE_CURL=1, but curl is not on the PATH", pytrace=False)
        pytest.skip("curl is not on the PATH")
    with background.serve([]) as url:
        for command, expected in examples(page):
            words = [word.replace(SHOWN, url) for word in shlex.split(command)]
            done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS)
            printed = without_ids(done.stdout).splitlines()
            assert printed == without_ids("\n".join(expected)).splitlines(), command


def test_the_page_names_no_route_that_there_is_not() -> None:
    routes = {path for method in METHODS.values() for path in (method.gateway,) if path}
    named = set(re.findall(r"/v3/[a-z]+(?:/[a-z]+)+", PAGE.read_text(encoding="utf-8")))
    assert named <= routes
