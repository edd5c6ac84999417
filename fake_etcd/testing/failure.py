"""What the report of a failed test says of its etcd."""

from __future__ import annotations

from typing import Any

from fake_etcd.testing import readable
from fake_etcd.testing.fake import FakeEtcd

MOST_CALLS = 20
MOST_KEYS = 40


def described(etcd: Any) -> str:
    """The last calls, the keys, and the faults that are active, for people."""
    if not isinstance(etcd, FakeEtcd):
        return "\n".join(["calls are seen by the emulator only", *_keys(etcd)])
    lines = [*_calls(etcd), *_keys(etcd)]
    told = etcd.faults.describe()
    if told:
        lines += ["", "faults:", *(f"  {line}" for line in told.splitlines())]
    return "\n".join(lines)


def _calls(etcd: FakeEtcd) -> list[str]:
    try:
        calls = etcd.history.calls()
    except RuntimeError as error:  # in a forked child; a report is wanted all the same
        return [f"the calls cannot be read: {error}"]
    if not calls:
        return ["no calls"]
    shown = calls[-MOST_CALLS:]
    title = f"the last {len(shown)} of {len(calls)} calls" if len(shown) < len(calls) else "calls"
    return [f"{title}:", *(f"  {call.time:9.3f} s  {call}" for call in shown)]


def _keys(etcd: Any) -> list[str]:
    try:
        items, count = etcd.store.first(MOST_KEYS)
        revision = etcd.store.revision
    except Exception as error:  # a report is wanted all the same
        return ["", f"the keys cannot be read: {error}"]
    lines = [f"  {readable.text(key)}: {readable.text(value)}" for key, value in items]
    if count > len(items):
        lines.append(f"  ... and {count - len(items)} more")
    return [
        "",
        f"keys at revision {revision}:" if lines else f"no keys, revision {revision}",
        *lines,
    ]
