"""The table of flags as people read it: the help text, and the table of docs/command-line.md."""

from __future__ import annotations

from fake_etcd.cli.flag_table import FLAGS, Group, Kind
from fake_etcd.cli.old_flags import OLD_FLAGS


def usage(name: str = "fake-etcd") -> str:
    """What is said of a flag that cannot be read, below the reason.

    Args:
        name: what the program is called.
    """
    etcdctl = (
        f"  {name} ctl [command]",
        "    Ask an etcd server in etcdctl's words.",
        "",
    )
    return "\n".join(
        (
            "Usage:",
            "",
            f"  {name} [flags]",
            "    Start an etcd v3 server that keeps its data in memory.",
            "",
            *(() if name == "etcd" else etcdctl),
            f"  {name} --version",
            "    Show the versions.",
            "",
            f"  {name} -h | --help",
            "    Show every flag.",
            "",
            f"  {name} --print-bin-dir",
            "    Show a folder in which the same server is called etcd.",
            "",
        )
    )


def flag_text() -> str:
    """Every flag, group by group: its default, what it does, or why it does nothing."""
    lines: list[str] = []
    for group in Group:
        lines += [f"{group.value}:", ""]
        for flag in (each for each in FLAGS if each.group is group):
            default = "" if flag.kind is Kind.SWITCH else f" '{flag.default}'"
            lines.append(f"  --{flag.name}{default}")
            lines.append(f"    {flag.help}")
            if not flag.acts:
                lines.append(f"    Accepted, and does nothing: {flag.accepted}.")
        lines.append("")
    return "\n".join(lines)


def help_text() -> str:
    """What --help prints: usage, then the table."""
    return f"{usage()}\n{flag_text()}"


def markdown() -> str:
    """The table as a part of docs/command-line.md."""
    lines = [
        "| flag | value | default | what it does |",
        "| --- | --- | --- | --- |",
    ]
    for flag in FLAGS:
        default = f"`{flag.default}`" if flag.default else ""
        what = flag.help if flag.acts else f"{flag.help} *Accepted*: {flag.accepted}."
        lines.append(f"| `--{flag.name}` | {flag.kind.value} | {default} | {what} |")
    return "\n".join(lines) + "\n"


def old_markdown() -> str:
    """The flags of older releases as another table there."""
    lines = ["| flag | dropped in | what it is taken for |", "| --- | --- | --- |"]
    for flag in OLD_FLAGS:
        became = f"`--{flag.successor}`" if flag.successor else ""
        if flag.gate:
            became = f"`--feature-gates={flag.gate}`"
        if flag.name == "debug":
            became = "`--log-level=debug`"
        lines.append(f"| `--{flag.name}` | {flag.dropped_in} | {became or 'nothing'} |")
    return "\n".join(lines) + "\n"
