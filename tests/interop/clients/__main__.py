"""`python -m tests.interop.clients`: run client programs, and write docs/clients.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tests.interop.clients import page, results
from tests.interop.clients.build import NoToolchain
from tests.interop.clients.runner import Broken
from tests.interop.clients.table import BY_NAME, CLIENTS


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interop.clients")
    commands = parser.add_subparsers(required=True, dest="command")
    runs = commands.add_parser("run", help="run client programs, all of them unless named")
    runs.add_argument("names", nargs="*", metavar="CLIENT", help=", ".join(BY_NAME))
    runs.add_argument("--real-etcd", action="store_true", help="on real etcd instead of ours")
    runs.add_argument("--write", action="store_true", help="put the results on file")
    pages = commands.add_parser("page", help="write docs/clients.md from the results on file")
    pages.add_argument("--check", action="store_true", help="only say whether it is stale")
    options = parser.parse_args(arguments)
    if options.command == "page":
        return _page(check=options.check)
    if unknown := [name for name in options.names if name not in BY_NAME]:
        parser.error(f"no such client: {', '.join(unknown)}")
    if options.write and options.real_etcd:
        parser.error("what is kept is what ours does: --write goes without --real-etcd")
    return _run(options.names or list(BY_NAME), real=options.real_etcd, write=options.write)


def _run(names: Sequence[str], *, real: bool, write: bool) -> int:
    bad = 0
    found = {}
    for name in names:
        began = time.monotonic()
        try:
            found[name] = results.of(BY_NAME[name], real)
            said = "ok"
        except NoToolchain as missing:
            said = f"not run: {missing}"
        except Broken as broken:
            said = f"FAILED: {broken}"
            bad += 1
        print(f"{name}: {said} ({time.monotonic() - began:.1f} s)", flush=True)
    if write:
        before = results.load() if results.FILE.exists() else {}
        kept = {**before, **found}
        results.save({each.name: kept[each.name] for each in CLIENTS if each.name in kept})
    return 1 if bad else 0


def _page(*, check: bool) -> int:
    text = page.render(results.load())
    if not check:
        page.FILE.write_text(text, encoding="utf-8")
    elif page.FILE.read_text(encoding="utf-8") != text:
        print(f"{page.FILE} is stale: python -m tests.interop.clients page", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
