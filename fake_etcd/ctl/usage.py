"""What the commands say of themselves. The words are ours, flags are laid out as pflag's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from fake_etcd.api import version
from fake_etcd.ctl.commands import GLOBAL_FLAGS, GROUPS, ROOT, Command, Found, UnknownCommand, find
from fake_etcd.ctl.flags import HELP, Flag, Kind
from fake_etcd.ctl.gotext import quote

if TYPE_CHECKING:
    from fake_etcd.ctl.call import Call

_API_VERSION = version.SERVER.rpartition(".")[0]


def help_text(found: Found) -> str:
    """What --help prints."""
    end = 'Use "etcdctl options" for the flags that every command takes.\n'
    return f"{found.command.about}\n\n{usage(found)}\n{end}"


def usage(found: Found) -> str:
    """What follows a flag that cannot be read, and is the most of help."""
    command = found.command
    lines = ["Usage:"]
    if command.run:
        rest = command.use.removeprefix(command.name)
        lines.append(f"  {found.name}{rest} [flags]")
    if command.commands:
        lines.append(f"  {found.name} [command]")
        lines += _listed(command)
    own = _own_flags(found)
    if own:
        lines += ["", "Flags:", *_laid_out(own)]
    return "\n".join(lines) + "\n"


def _own_flags(found: Found) -> list[Flag]:
    inherited = [flag for flag in found.inherited if flag not in GLOBAL_FLAGS]
    command = found.command
    mine = () if command is ROOT else (*command.flags, *command.inherited, *inherited, HELP)
    return sorted(mine, key=lambda flag: flag.name)


def _listed(command: Command) -> list[str]:
    width = max(len(each.name) for each in command.commands)
    lines = []
    for group in GROUPS if command is ROOT else ("",):
        lines += ["", group or "Commands:"]
        lines += [
            f"  {each.name:{width}}  {each.about}"
            for each in sorted(command.commands, key=lambda each: each.name)
            if each.group == group and each.run != "absent:refuse"
        ]
    return lines


def _laid_out(flags: Iterable[Flag]) -> list[str]:
    rows = []
    for flag in flags:
        short = f"-{flag.short}, " if flag.short else "    "
        rows.append((f"  {short}--{flag.name} {flag.kind.value}".rstrip(), _with_default(flag)))
    width = max(len(left) for left, _ in rows)
    return [f"{left:{width}}   {right}" for left, right in rows]


def _with_default(flag: Flag) -> str:
    if not flag.default:
        return flag.usage
    written = flag.written(flag.default)
    shown = quote(written) if flag.kind is Kind.STRING else written
    return f"{flag.usage} (default {shown})"


def help_command(call: Call) -> None:
    """`help`, alone or with the name of a command."""
    try:
        found = find(call.words)
    except UnknownCommand:
        # cobra prints the words as `%#q` has a list of them.
        told = " ".join(f"`{word}`" for word in call.words)
        call.terminal.complain(f"Unknown help topic [{told}]", usage(Found((ROOT,), [])))
    else:
        call.terminal.write(help_text(found).encode())


def options(call: Call) -> None:
    """`options`: the flags that every command takes."""
    flags = sorted(GLOBAL_FLAGS, key=lambda flag: flag.name)
    lines = ["These flags are for every command:", "", *_laid_out(flags)]
    call.terminal.say(*lines)


def version_command(call: Call) -> None:
    """`version`: which etcdctl this is to be like."""
    call.terminal.say(f"etcdctl version: {version.SERVER}", f"API version: {_API_VERSION}")
