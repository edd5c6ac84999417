"""`fake-etcd`, `etcd` and `python -m fake_etcd`: from a command line to an exit status.

Whatever is wrong with the command line or with an address is said on stderr, and by a status that
is not 0, never by a traceback. The server itself is `host.py`, imported only when one is to run, so
that --help, --version and mistakes answer at once.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import time
from collections.abc import Sequence

from fake_etcd import __version__
from fake_etcd.api import version
from fake_etcd.cli import console, flag_pages, flags
from fake_etcd.cli.early_log import LogLine
from fake_etcd.cli.usage import Stage, UsageError

_INTERRUPTED = 130
"""What a shell reports for a process that SIGINT ended."""

_SUBCOMMANDS = ("gateway", "grpc-proxy")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def main(arguments: Sequence[str] | None = None, *, as_etcd: bool | None = None) -> int:
    """Run the dev server until it is told to stop.

    Args:
        arguments: the command line without the program's name. None: the process is ours, so
            `sys.argv` is taken, and the process ends here after serving.
        as_etcd: whether it takes etcd's place, so that defaults and output are etcd's. None:
            whether the program's name is etcd.

    Returns:
        The exit status: 0 after SIGINT or SIGTERM (None for `arguments`: then the process ends by
        that very signal, and as process 1 with 0), 2 for a flag that cannot be parsed, 1 for
        anything else that keeps the server from starting.
    """
    ends_here = arguments is None
    if ends_here:
        console.open_closed()
    if ends_here and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until the server takes it over, SIGINT is to end this process as it ends etcd: by itself.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if as_etcd is None:
        name = os.path.basename(sys.argv[0]).removesuffix(".exe")
        as_etcd = ends_here and name == "etcd"
    words = sys.argv[1:] if arguments is None else arguments
    try:
        return _run(words, ends_here=ends_here, as_etcd=as_etcd)
    except UsageError as error:
        _say_what_is_wrong(error, words, as_etcd=as_etcd)
        return error.exit_status
    except KeyboardInterrupt:  # of a caller's process, before the server took over the signal
        return _INTERRUPTED


def etcd() -> int:
    """What the script `etcd` of --print-bin-dir runs."""
    return main(as_etcd=True)


def _run(arguments: Sequence[str], *, ends_here: bool, as_etcd: bool) -> int:
    if arguments and arguments[0] == "ctl" and not as_etcd:
        from fake_etcd.ctl import main as ctl

        return (ctl.run_process if ends_here else ctl.main)(arguments[1:])
    if arguments and arguments[0] in _SUBCOMMANDS:
        console.complain(f"{arguments[0]} is not part of fake_etcd, which is the server alone")
        return 1
    settings = flags.parse(arguments, os.environ if ends_here else None, as_etcd=as_etcd)
    if settings.help:
        if as_etcd:  # etcd's usage is on stderr, its flags are on stdout
            sys.stderr.write(flag_pages.usage("etcd") + "\n")
            console.say(flag_pages.flag_text())
        else:
            console.say(flag_pages.help_text())
        return 0
    if settings.version:
        console.say(version_text())
        return 0
    if settings.print_bin_dir:
        from fake_etcd.cli import bin_dir

        try:
            console.say(bin_dir.make() + "\n")
        except OSError as error:
            console.complain(f"--print-bin-dir: no folder can be made for it: {error}")
            return 1
        return 0
    for line in settings.early:
        _log(line)
    from fake_etcd.cli import host, served_node

    try:
        number = host.run(settings)
    except served_node.CannotStart as error:
        if as_etcd:
            _log(_failed_to_start(str(error)))
        else:
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


def _say_what_is_wrong(error: UsageError, arguments: Sequence[str], *, as_etcd: bool) -> None:
    message = " ".join(str(error).splitlines())
    if error.stage is Stage.PARSE:
        name = "etcd" if as_etcd else "fake-etcd"
        sys.stderr.write(f"{message}\n{flag_pages.usage(name)}\n")
        return
    if error.stage is Stage.PLAIN:
        console.complain(message)
        return
    if error.stage is Stage.PANIC:
        console.complain(f"panic: {message}" if as_etcd else message)
        return
    if not as_etcd:
        for line in error.lines:
            _log(line)
        if error.stage is not Stage.ENVIRONMENT:
            console.complain(message)
        return
    for line in error.lines:
        _log(line)
    if error.stage is Stage.ENVIRONMENT:
        return
    _log(LogLine("info", "etcdmain/etcd.go:63", "Running: ", {"args": [sys.argv[0], *arguments]}))
    if error.stage is Stage.VERIFY:
        _log(LogLine("warn", "etcdmain/etcd.go:65", "failed to verify flags", {"error": message}))
        if message.startswith("--advertise-client-urls is required"):
            unset = "advertise client URLs are not set"
            _log(LogLine("warn", "etcdmain/etcd.go:67", unset, {"error": message}))
        return
    _log(_failed_to_start(message))


_OTHER_LINES = {
    "selfSignedCertValidity is invalid": (
        "embed/etcd.go:650",
        "failed to get client self-signed certs",
    ),
    "KeyFile and CertFile must both": ("etcdmain/etcd.go:172", "listener failed"),
    "http2: ": ("etcdmain/etcd.go:172", "listener failed"),
}
"""What etcd finds wrong of its clients' TLS at other moments, by how it begins, and its lines."""


def _failed_to_start(message: str) -> LogLine:
    """etcd: etcdmain/etcd.go says "discovery failed" of whatever keeps the server from starting."""
    if "include" in message and "--initial-cluster" in message:
        return LogLine("warn", "etcdmain/etcd.go:150", "failed to start", {"error": message})
    line = next((line for start, line in _OTHER_LINES.items() if message.startswith(start)), None)
    caller, what = line or ("etcdmain/etcd.go:157", "discovery failed")
    return LogLine("fatal", caller, what, {"error": message})


def _log(line: LogLine) -> None:
    sys.stderr.write(line.json(time.time()) + "\n")


def version_text() -> str:
    """What --version prints: etcd's four lines, of which scripts read the first, then ours."""
    machine = _MACHINES.get(platform.machine(), platform.machine())
    return (
        f"etcd Version: {version.SERVER}\n"
        "Git SHA: none\n"
        "Go Version: none\n"
        f"Go OS/Arch: {platform.system().lower()}/{machine}\n"
        f"fake_etcd Version: {__version__}\n"
        f"Python Version: {platform.python_version()}\n"
    )
