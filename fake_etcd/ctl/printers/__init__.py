"""What is printed of each answer, in each format. etcd: etcdctl/ctlv3/command/printer.go."""

from __future__ import annotations

import importlib
from typing import cast

from fake_etcd.ctl.printers.base import EndpointHash, EndpointHealth, EndpointStatus, Printer
from fake_etcd.ctl.terminal import Exit, Status, Terminal

__all__ = ["EndpointHash", "EndpointHealth", "EndpointStatus", "Printer", "make"]

_CLASSES = {
    "simple": "simple:Simple",
    "fields": "fields:Fields",
    "json": "json_text:Json",
    "protobuf": "protobuf:Protobuf",
    "table": "table:Table",
}


def make(name: str, is_hex: bool, terminal: Terminal) -> Printer:
    """The printer of a format; raises Exit for one that there is not.

    Args:
        name: "simple", "fields", "json", "protobuf" or "table".
        is_hex: keys, values and ids in hexadecimal.
        terminal: where it prints.
    """
    where = _CLASSES.get(name)
    if where is None:
        raise Exit(Status.BAD_FEATURE, "unsupported output format")
    module, _, kind = where.partition(":")
    found = getattr(importlib.import_module(f"{__name__}.{module}"), kind)
    return cast("type[Printer]", found)(is_hex, terminal)
