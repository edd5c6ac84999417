"""`fake-etcd` and `python -m fake_etcd`: from a command line to an exit status.

Whatever is wrong with the command line or with an address is one line on stderr and a status that
is not 0, never a traceback. The server itself is `host.py`, imported only when one is to run, so
that --help, --version and mistakes answer at once.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
from collections.abc import Sequence

from fake_etcd import __version__
from fake_etcd.api import version
from fake_etcd.cli import console, flags

_INTERRUPTED = 130
"""What a shell reports for a process that SIGINT ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the dev server until it is told to stop.

    Args:
        arguments: the command line without the program's name. None: the process is ours, so
            `sys.argv` is taken, and the process ends here after serving.

    Returns:
        The exit status: 0 after SIGINT or SIGTERM (None for `arguments`: then the process ends by
        that very signal, and as process 1 with 0), 2 for a flag that cannot be parsed, 1 for
        anything else that keeps the server from starting.
    """
    try:
        return _run(sys.argv[1:] if arguments is None else arguments, ends_here=arguments is None)
    except flags.UsageError as error:
        console.complain(str(error))
        return error.exit_status
    except KeyboardInterrupt:  # before the server took over the signal
        return _INTERRUPTED


def _run(arguments: Sequence[str], *, ends_here: bool) -> int:
    settings = flags.parse(arguments)
    if settings.help:
        console.say(flags.help_text())
        return 0
    if settings.version:
        console.say(version_text())
        return 0
    from fake_etcd.cli import host, serving

    try:
        number = host.run(settings)
    except serving.CannotStart as error:
        console.complain(str(error))
        return 1
    if ends_here:
        # Taking a store of a million keys apart piece by piece would take longer than the second
        # that stopping may take, and the system has its memory back without that. Nothing is
        # buffered: stdout was flushed when it was written, stderr is flushed line by line.
        _end(number)
    return 0


def _end(number: signal.Signals) -> None:
    """End this process as etcd does (pkg/osutil/interrupt_unix.go): by the signal itself."""
    # The kernel lets no such signal end process 1, and Windows knows none.
    if os.getpid() != 1 and sys.platform != "win32":
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(0)


def version_text() -> str:
    """What --version prints; the first line is where etcd's own has its version."""
    return (
        f"etcd Version: {version.SERVER}\n"
        f"fake_etcd Version: {__version__}\n"
        f"Python Version: {platform.python_version()}\n"
    )
