"""Files of JSON and YAML that seeds are written in, read strictly; no error shows their values.

What the content means is up to `seed.py` and `auth_seed.py`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any


def read(path: str | os.PathLike[str]) -> object:
    """What stands in a file; None where it is one of YAML and empty.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not understood; names the file and the place.
        RuntimeError: it is YAML, and PyYAML is not installed.
    """
    path = Path(path)
    where = str(path)
    try:
        content = path.read_text(encoding="utf-8")
        if path.suffix in (".yaml", ".yml"):
            return _yaml(content, where)
        if path.suffix == ".json":
            found: object = json.loads(content, object_pairs_hook=_without_twins)
            return found
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: not UTF-8: {error}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}: no JSON: {error}") from None
    except _Twin as error:
        raise ValueError(f"{where}: key {error.args[0]!r} stands there twice") from None
    raise ValueError(f"{where}: a file of keys is called .json, .yaml or .yml")


class _Twin(Exception):
    """A key that stands in a mapping twice."""


def _without_twins(pairs: list[tuple[Hashable, Any]]) -> dict[Hashable, Any]:
    found: dict[Hashable, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twin(key)
        found[key] = value
    return found


_QUOTED = re.compile(r"""'.*?'|".*?\"""")


def _yaml(content: str, where: str) -> object:
    try:
        import yaml  # an extra: JSON needs nothing
    except ImportError:
        raise RuntimeError(
            f"{where}: YAML needs PyYAML: pip install 'fake_etcd[yaml]'; JSON needs nothing"
        ) from None

    class Loader(yaml.SafeLoader):
        """Safe, and strict about keys that stand there twice."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            pairs = [
                (self.construct_object(key, deep=True), self.construct_object(value, deep=True))
                for key, value in node.value
            ]
            return _without_twins(pairs)

    try:
        return yaml.load(content, Loader)
    except yaml.MarkedYAMLError as error:
        # Its text has a piece of the file in it, and that may be a password.
        mark, problem = error.problem_mark, _QUOTED.sub("'...'", error.problem or "")
        place = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        raise ValueError(f"{where}: no YAML: {place}{problem}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{where}: no YAML: {error}") from None
