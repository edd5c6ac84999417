"""An application with a line taken out, for tests that show that its absence is found."""

from __future__ import annotations

import inspect
from types import ModuleType


def one_line_less(module: ModuleType, line: str) -> ModuleType:
    """A module like this one, without a line.

    Args:
        module: it stays as it is.
        line: as it stands there once, without its indentation.

    Raises:
        ValueError: it does not stand there, or several times.
    """
    lines = inspect.getsource(module).splitlines(keepends=True)
    places = [number for number, text in enumerate(lines) if text.strip() == line]
    if len(places) != 1:
        raise ValueError(f"{line!r} stands {len(places)} times in {module.__name__}, not once")
    lines[places[0]] = "\n"  # so that the numbers of lines stay right
    broken = ModuleType(f"{module.__name__}_one_line_less")
    exec(compile("".join(lines), str(module.__file__), "exec"), broken.__dict__)
    return broken
