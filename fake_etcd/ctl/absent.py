"""Commands of etcdctl that are not here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fake_etcd.ctl.terminal import Exit, Status

if TYPE_CHECKING:
    from fake_etcd.ctl.call import Call


def refuse(call: Call) -> None:
    """Say so."""
    name = call.found.command.name
    raise Exit(Status.ERROR, f"{name} is not part of fake_etcd ctl: etcdctl itself has it")
