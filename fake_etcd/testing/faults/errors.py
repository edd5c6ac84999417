"""Errors as a test names them: "no leader", `grpc.StatusCode.UNAVAILABLE`, a class of the table."""

from __future__ import annotations

from difflib import get_close_matches

import grpc

from fake_etcd.api import errors
from fake_etcd.api.errors import EtcdError
from fake_etcd.api.status import Code, Status

Failure = str | Status | Code | grpc.StatusCode | type[EtcdError]


def status_of(error: Failure, message: str = "") -> Status:
    """The status that somebody means.

    Args:
        error: see `effects.refuse`.
        message: the text that goes with a code.

    Raises:
        ValueError: nobody knows it, it is OK, or there is a message for what has its own.
    """
    status = _status_of(error, message)
    if status.code is Code.OK:
        raise ValueError(f"{error!r} is no error")
    if message and status.message != message:
        raise ValueError(f"{error!r} has its own text, {status.message!r}: leave the message out")
    return status


def _status_of(error: Failure, message: str) -> Status:
    if isinstance(error, Status):
        return error
    if isinstance(error, grpc.StatusCode):
        return Status(Code(error.value[0]), message)
    if isinstance(error, Code):
        return Status(error, message)
    if not isinstance(error, str):
        return error.status
    row = _BY_WORDS.get(_words(error))
    if row is not None and not (message and error in Code.__members__):
        return row.status
    if error in Code.__members__:
        return Status(Code[error], message)
    raise ValueError(f"refuse({error!r}): etcd has no such error; near are {_near(error)}")


def _words(text: str) -> frozenset[str]:
    """Those of a name or text, in any order: "auth token invalid" is "invalid auth token"."""
    text = text.lower().replace("_", " ").replace(",", " ")
    return frozenset(text.split()) - {"etcdserver:", "mvcc:"}


_BY_WORDS = {
    **{_words(name): row for name, row in errors.ALL.items()},
    **{_words(row.message): row for row in errors.ALL.values()},
}

_SHORT = {row.message.removeprefix("etcdserver: ") for row in errors.ALL.values()}


def _near(text: str) -> str:
    candidates = [*_SHORT, *errors.ALL, *Code.__members__]
    near = get_close_matches(text, candidates, cutoff=0.5)
    near += [one for one in sorted(_SHORT) if one not in near and _words(text) & _words(one)]
    return ", ".join(map(repr, near[:5] or sorted(_SHORT)[:5]))
