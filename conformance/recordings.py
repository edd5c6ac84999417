"""Transcripts on file: `transcripts/<minor version>/<area>/<scenario>.txt`, and from what and when.

`recorded.json` beside the areas names the exact version of etcd and the day.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from . import transcript
from .scenario import Scenario
from .transcript import Transcript

ROOT = Path(__file__).with_name("transcripts")

DEFAULT = "3.7"
"""What answers are compared with where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Recordings:
    """The transcripts of one minor version.

    Args:
        folder: which holds them.
    """

    folder: Path

    @property
    def version(self) -> str:
        """The exact version of the etcd that was recorded, "3.7.3"; empty where none was."""
        return self._about().get("version", "")

    @property
    def day(self) -> str:
        """When, "2026-11-25"."""
        return self._about().get("day", "")

    def load(self, scenario: Scenario) -> Transcript | None:
        """What was recorded of a scenario, None where nothing was."""
        path = self._path(scenario)
        if not path.exists():
            return None
        return transcript.parse(path.read_text(encoding="utf-8"))

    def save(self, scenario: Scenario, recorded: Transcript) -> None:
        """Keep a transcript."""
        text = transcript.render(recorded)
        assert transcript.parse(text) == recorded, f"what is written can be read: {text}"
        path = self._path(scenario)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def sign(self, version: str) -> None:
        """Say that these are recordings of this version, and of today."""
        self.folder.mkdir(parents=True, exist_ok=True)
        about = {"version": version, "day": date.today().isoformat()}
        (self.folder / "recorded.json").write_text(json.dumps(about, indent=2) + "\n")

    def stale(self, scenarios: list[Scenario]) -> list[Path]:
        """Files of scenarios that are no more."""
        return sorted(set(self.folder.glob("*/*.txt")) - {self._path(one) for one in scenarios})

    def _path(self, scenario: Scenario) -> Path:
        return self.folder / scenario.area / f"{scenario.name}.txt"

    def _about(self) -> dict[str, str]:
        path = self.folder / "recorded.json"
        about: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return about


def of(version: str, root: Path = ROOT) -> Recordings:
    """The recordings for a version, of which the patch does not matter ("3.7", "3.7.3")."""
    return Recordings(root / ".".join(version.split(".")[:2]))
