"""`-w table`: rows in frames, of what there are rows of. etcd: printer_table.go.

Laid out as olekukonko/tablewriter does it: names in capitals and centered, cells to the right.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from fake_etcd.clientv3 import responses as r
from fake_etcd.ctl.printers import tables
from fake_etcd.ctl.printers.base import EndpointHash, EndpointHealth, EndpointStatus, Printer


class Table(Printer):
    """Members and endpoints; everything else has no table."""

    name = "table"

    def member_list(self, answer: r.MemberListResponse) -> None:
        self._framed(tables.members(answer))

    def endpoint_health(self, found: Sequence[EndpointHealth]) -> None:
        self._framed(tables.health(found))

    def endpoint_status(self, found: Sequence[EndpointStatus]) -> None:
        self._framed(tables.status(found))

    def endpoint_hash(self, found: Sequence[EndpointHash]) -> None:
        self._framed(tables.hashes(found))

    def all_users(self, users: Sequence[r.User]) -> None:
        rows = [(user.name, " ".join(user.roles)) for user in users]
        self._framed(tables.Rows(("user", "roles"), rows))

    def all_roles(self, roles: Sequence[r.Role]) -> None:
        rows = [
            (role.name, each.perm_type.name, _text(each.key), _text(each.range_end))
            for role in roles
            for each in role.permissions or (None,)
            if each is not None
        ]
        self._framed(tables.Rows(("role", "permission", "key", "range_end"), rows))

    def _framed(self, table: tables.Rows) -> None:
        self.terminal.say(*framed(table))


def framed(table: tables.Rows) -> list[str]:
    """The lines of a table.

    >>> print("\\n".join(framed(tables.Rows(("a_b", "c"), [("1", "long")]))))
    ┌─────┬──────┐
    │ A B │  C   │
    ├─────┼──────┤
    │   1 │ long │
    └─────┴──────┘
    """
    head = [name.upper().replace("_", " ") for name in table.head]
    widths = [max(map(_width, column)) for column in zip(head, *table.rows, strict=True)]
    names = [_centered(name, width) for name, width in zip(head, widths, strict=True)]
    lines = [_rule("┌┬┐", widths), _row(names)]
    if table.rows:
        lines.append(_rule("├┼┤", widths))
    for row in table.rows:
        cells = [
            " " * (width - _width(cell)) + cell for cell, width in zip(row, widths, strict=True)
        ]
        lines.append(_row(cells))
    return [*lines, _rule("└┴┘", widths)]


def _rule(corners: str, widths: Sequence[int]) -> str:
    return corners[0] + corners[1].join("─" * (width + 2) for width in widths) + corners[2]


def _row(cells: Sequence[str]) -> str:
    return f"│ {' │ '.join(cells)} │"


def _centered(text: str, width: int) -> str:
    left = (width - _width(text)) // 2
    return " " * left + text + " " * (width - _width(text) - left)


def _width(text: str) -> int:
    """How many columns a terminal has for a text."""
    return sum(
        0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
    )


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")
