"""What a scenario is, and the register of all of them.

A scenario is a function in a module of `scenarios/`, or in one of a package there; what that is
called is its area. Its name, read as a sentence, says what it shows:

    @scenario
    def a_put_of_a_new_key_starts_it_at_version_1(s: Session) -> None:
        s.put(key=b"a", value=b"1")
        s.range(key=b"a")
"""

from __future__ import annotations

import enum
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import overload

from .session import Session

Run = Callable[[Session], None]


class Marked(enum.Enum):
    """Why fake_etcd is expected to answer a scenario otherwise than etcd."""

    KNOWN_LIMIT = "known limit"
    ON_PURPOSE = "on purpose"


@dataclass(frozen=True, slots=True)
class Mark:
    """An expected difference of fake_etcd's.

    Args:
        kind: whether it is to go or to stay.
        reason: for docs/fidelity.md, a sentence without a full stop.
    """

    kind: Marked
    reason: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario.

    Args:
        area: "kv".
        name: the function's.
        run: takes the scenario's part in a dialogue; what the server says goes into a transcript.
        flags: command line flags that its server must have been started with.
        needs_fresh_server: whether it is about a server that nobody has written to yet.
        mark: set where fake_etcd is expected to differ.
    """

    area: str
    name: str
    run: Run
    flags: tuple[str, ...] = ()
    needs_fresh_server: bool = False
    mark: Mark | None = None

    @property
    def sentence(self) -> str:
        """The name for people."""
        words = self.name.replace("_", " ")
        return words[0].upper() + words[1:] + "."

    @property
    def id(self) -> str:
        """ "kv/a_put_of_a_new_key_starts_it_at_version_1"."""
        return f"{self.area}/{self.name}"


_ALL: dict[str, Scenario] = {}


@overload
def scenario(run: Run, /) -> Run: ...


@overload
def scenario(
    *,
    flags: tuple[str, ...] = (),
    needs_fresh_server: bool = False,
    known_limit: str = "",
    on_purpose: str = "",
) -> Callable[[Run], Run]: ...


def scenario(
    run: Run | None = None,
    /,
    *,
    flags: tuple[str, ...] = (),
    needs_fresh_server: bool = False,
    known_limit: str = "",
    on_purpose: str = "",
) -> Run | Callable[[Run], Run]:
    """Registers a function as a scenario.

    Args:
        run: the function.
        flags: what its server must be started with ("--max-txn-ops=4"); a server that is
            somebody else's cannot show it then.
        needs_fresh_server: likewise, where it is about revision 1 or a store never compacted.
        known_limit: why fake_etcd does not yet answer as etcd does. A mark on a scenario whose
            answers are equal fails the run.
        on_purpose: why fake_etcd answers otherwise, and will.
    """

    def register(run: Run) -> Run:
        area = _area(run.__module__)
        marks = [
            Mark(kind, reason)
            for kind, reason in (
                (Marked.KNOWN_LIMIT, known_limit),
                (Marked.ON_PURPOSE, on_purpose),
            )
            if reason
        ]
        assert len(marks) <= 1, f"{run.__name__}: a difference stays or goes"
        new = Scenario(area, run.__name__, run, flags, needs_fresh_server)
        assert new.id not in _ALL, f"there are two scenarios {new.id}"
        _ALL[new.id] = replace(new, mark=marks[0]) if marks else new
        return run

    return register if run is None else register(run)


def _area(module: str) -> str:
    """The first name below `scenarios`; of a module elsewhere, its own."""
    _, inside, path = module.partition(".scenarios.")
    return path.partition(".")[0] if inside else module.rpartition(".")[2]


def all_scenarios() -> list[Scenario]:
    """Every scenario there is, by area, module and place in it."""
    from . import scenarios

    for module in pkgutil.walk_packages(scenarios.__path__, f"{scenarios.__name__}."):
        importlib.import_module(module.name)
    return sorted(_ALL.values(), key=lambda one: one.area)
