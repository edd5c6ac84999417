"""From a command line to an exit status, as etcdctl's main and cobra have it."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import cast

from fake_etcd.ctl import commands, flags, usage
from fake_etcd.ctl.call import Call
from fake_etcd.ctl.gotext import in_words
from fake_etcd.ctl.terminal import Exit, Status, Terminal


def main(arguments: Sequence[str], terminal: Terminal | None = None) -> int:
    """Run one command.

    Args:
        arguments: what follows `ctl`.
        terminal: where it reads and writes; None for the process's own.

    Returns:
        The exit status, which is etcdctl's.
    """
    terminal = terminal or Terminal()
    try:
        found = commands.find(list(arguments))
    except commands.UnknownCommand as error:
        terminal.complain(f"Error: {error}", f"Run '{commands.ROOT.name} --help' for usage.")
        return Status.ERROR
    return _run(found, terminal)


def _run(found: commands.Found, terminal: Terminal) -> int:
    try:
        given = flags.parse(found.flags, found.arguments)
    except flags.FlagError as error:
        terminal.complain(f"Error: {error}", usage.usage(found))
        return Status.ERROR
    except flags.HelpWanted:
        given = None
    if given is None or not found.command.run:
        terminal.write(usage.help_text(found).encode())
        return Status.SUCCESS
    with Call(found, given, terminal) as call:
        try:
            _function(found.command.run)(call)
        except Exit as end:
            if end.message is not None:
                terminal.complain(f"Error: {end.message}")
            return end.status
        except call.client_errors() as error:
            terminal.complain(f"Error: {error}")
            return Status.ERROR
        except OSError as error:  # stdout is full, say
            terminal.complain(f"Error: {in_words(error)}")
            return Status.ERROR
    return Status.SUCCESS


def _function(where: str) -> Callable[[Call], None]:
    module, _, name = where.partition(":")
    found = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    return cast("Callable[[Call], None]", found)


def run_process(arguments: Sequence[str]) -> int:
    """`main` for a process that ends with it: it ends at once, whatever threads there are."""
    terminal = Terminal()
    # gRPC's own library writes on stderr what becomes an error here, and things that are none.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    if sys.platform != "win32":
        # A reader who goes away ends the command, as it ends programs in Go.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    status = main(arguments, terminal)
    # All is flushed that could be written.
    os._exit(status)
