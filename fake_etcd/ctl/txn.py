"""`txn`: comparisons and operations, a line each. etcd: etcdctl's txn_command.go, util.go."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from fake_etcd.clientv3.compare import (
    Cmp,
    compare,
    create_revision,
    lease_value,
    mod_revision,
    value,
    version,
)
from fake_etcd.clientv3.op import Op
from fake_etcd.ctl import commands, flags, kv
from fake_etcd.ctl.call import Call
from fake_etcd.ctl.gotext import parse_int, quote, unquote
from fake_etcd.ctl.terminal import Exit, Status, Terminal

_WORD = re.compile(
    r'"(?:[^"\\]|\\.)*"' r"|'[^']*'" r"|[^'\"\t\n\f\r ][^\t\n\f\r ]*[^'\"\t\n\f\r ]?"
)


_SKIPPED = " \t\r"
"""What fmt.Sscanf passes over within a line."""


def txn(call: Call) -> None:
    """`txn`."""
    if call.words:
        raise Exit(Status.BAD_ARGS, "txn command does not accept argument")
    transaction = call.client().txn()
    transaction.if_(*(parse_compare(line) for line in _lines(call, "compares:")))
    for tell, outcome in ((transaction.then, "success"), (transaction.else_, "failure")):
        lines = _lines(call, f"{outcome} requests (get, put, del):")
        tell(*(parse_op(line, call.terminal) for line in lines))
    call.printer.txn(transaction.commit())


def _lines(call: Call, prompt: str) -> Iterator[str]:
    """The lines up to an empty one, each when it is wanted; raises Exit where they end earlier."""
    if call.given.is_on("interactive"):
        call.terminal.say(prompt)
    while True:
        line = call.terminal.stdin.readline()
        if not line.endswith(b"\n"):
            raise Exit(Status.INVALID_INPUT, "EOF")
        text = os.fsdecode(line).strip()
        if not text:
            return
        yield text


def words_of(line: str) -> list[str]:
    """The words of a line, some of them in quotes.

    >>> words_of("put 'a b' \"c\\\\td\" e")
    ['put', 'a b', 'c\\td', 'e']
    """
    found = _WORD.findall(line)
    return [_unquoted(word) for word in found]


def _unquoted(word: str) -> str:
    if word.startswith("'"):
        return word[1:-1]
    if not word.startswith('"'):
        return word
    try:
        return unquote(word)
    except ValueError as error:
        raise Exit(Status.INVALID_INPUT, str(error)) from None


_OPERATIONS = {
    "get": commands.GET_FLAGS,
    "put": commands.PUT_FLAGS,
    "del": commands.DEL_FLAGS,
}


def parse_op(line: str, terminal: Terminal) -> Op:
    """The operation of a line; raises Exit for what is none."""
    words = words_of(line)
    if len(words) < 2:
        raise Exit(Status.INVALID_INPUT, f"invalid txn compare request: {line}")
    names = [name for name in _OPERATIONS if name.startswith(words[0])]
    if not words[0] or len(names) != 1:
        raise Exit(Status.INVALID_INPUT, f"invalid txn request: {line}")
    try:
        given = flags.parse(_OPERATIONS[names[0]], words[1:])
    except (flags.FlagError, flags.HelpWanted):
        raise Exit(Status.INVALID_INPUT, f"invalid txn request: {line}") from None
    if names[0] == "get":
        return kv.get_op(given)
    if names[0] == "put":
        return kv.put_op(given, None)  # the rest of stdin is more of the transaction
    return kv.delete_op(given, terminal)


_NUMBERS = {
    **dict.fromkeys(("ver", "version"), version),
    **dict.fromkeys(("c", "create"), create_revision),
    **dict.fromkeys(("m", "mod"), mod_revision),
    "lease": lease_value,
}
_VALUES = ("val", "value")
_RESULTS = ("=", "!=", ">", "<")


def parse_compare(line: str) -> Cmp:
    """The comparison of a line, such as `mod("key") > "5"`; raises Exit for what is none.

    etcdctl panics for a result that there is not and for every lease; here the one is refused, and
    a lease's id is read in hexadecimal, as everywhere else.
    """
    target, paren, rest = line.partition("(")
    if not paren:
        raise Exit(Status.INVALID_INPUT, f"malformed comparison: {line}")
    key, result, operand, is_whole = _scanned(rest)
    if not is_whole:
        raise Exit(
            Status.INVALID_INPUT,
            f"malformed comparison: {line}; got {target}({quote(key)}) {result} {quote(operand)}",
        )
    if target not in _NUMBERS and target not in _VALUES:
        raise Exit(Status.INVALID_INPUT, f"malformed comparison: {line} (unknown target {target})")
    if result not in _RESULTS:
        raise Exit(Status.INVALID_INPUT, f"malformed comparison: {line} (unknown result {result})")
    if target in _VALUES:
        return compare(value(os.fsencode(key)), result, os.fsencode(operand))
    try:
        number = parse_int(operand, 16 if target == "lease" else 10)
    except ValueError:
        raise Exit(Status.INVALID_INPUT, f"invalid txn compare request: {line}") from None
    return compare(_NUMBERS[target](os.fsencode(key)), result, number)


def _scanned(text: str) -> tuple[str, str, str, bool]:
    """`"key") result "operand"`: the three as far as they are there, and whether all are.

    Go: fmt.Sscanf(text, "%q) %s %q").
    """
    key, rest = _scan_quoted(text)
    word = _RESULT.match(rest)
    if key is None or word is None:
        return key or "", "", "", False
    operand, _ = _scan_quoted(rest[word.end() :])
    return key, word[1], operand or "", operand is not None


_RESULT = re.compile(r"\)[ \t\r]+([^ \t\r\n]+)")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`')


def _scan_quoted(text: str) -> tuple[str | None, str]:
    text = text.lstrip(_SKIPPED)
    found = _QUOTED.match(text)
    if found is None:
        return None, text
    if found[0].startswith("`"):
        return found[0][1:-1], text[found.end() :]
    try:
        return unquote(found[0]), text[found.end() :]
    except ValueError:
        return None, text
