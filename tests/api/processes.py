"""Running a piece of Python in a process of its own, for what can be tried once per process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def run_python(*arguments: str, executable: str = sys.executable, **environment: str) -> str:
    """What `python *arguments` printed; fails the test when it ends with anything but 0.

    Args:
        arguments: of the interpreter, for example "-c" and a program. The checkout is importable.
        executable: which interpreter, this one unless told.
        environment: variables to set besides those already set.
    """
    variables = {**os.environ, "PYTHONPATH": str(CHECKOUT), **environment}
    done = subprocess.run(
        [executable, *arguments],
        env=variables,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
