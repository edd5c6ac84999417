"""The options of a server as a test gives them: by name, and checked, for nobody else does.

The command line has checks of its own, in etcd's words.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple, TypedDict, get_type_hints

from fake_etcd.cli import auth_token
from fake_etcd.core.auth.token_options import AuthTokenOptions, InvalidTokenOptions
from fake_etcd.core.cluster import InitialCluster
from fake_etcd.core.node import NodeConfig
from fake_etcd.testing import secret
from fake_etcd.testing.tls import Tls


class ServerOptions(TypedDict, total=False):
    """The fields of `NodeConfig` once more, as keywords that type checkers know.

    `auth_token` is text here, as on the command line.
    """

    name: str
    initial_advertise_peer_urls: tuple[str, ...]
    initial_cluster_token: str
    initial_cluster: InitialCluster
    advertise_client_urls: tuple[str, ...]
    max_request_bytes: int
    max_txn_ops: int
    heartbeat_interval_ms: int
    election_timeout_ms: int
    progress_notify_interval_seconds: float
    auto_compaction_period_seconds: float
    auto_compaction_revisions: int
    auth_token: str
    auth_token_ttl_seconds: float
    bcrypt_cost: int
    quota_backend_bytes: int
    max_learners: int
    strict_reconfig_check: bool


BCRYPT_COST = auth_token.LEAST_BCRYPT_COST
"""The cheapest: a sixty-fourth of what etcd's default takes for each password."""

AuthSource = Mapping[Any, Any] | str | os.PathLike[str]
"""Users and roles, or the file where they are; see `auth_seed`."""
PathSource = str | os.PathLike[str]
"""The path of a file."""
TLS = bool | Tls
"""The type of the option `tls`."""

OF_FAKE: Mapping[str, object] = {
    "endpoints": int,
    "random_seed": int,
    "control": bool,
    "control_token": str,
    "auth": AuthSource,
    "snapshot": PathSource,
    "tls": TLS,
}
"""What a FakeEtcd takes itself, beside the server's options."""

_LEAST = {
    "endpoints": 1,
    "heartbeat_interval_ms": 1,
    "election_timeout_ms": 1,
    "bcrypt_cost": BCRYPT_COST,
    "quota_backend_bytes": -math.inf,
    "random_seed": -math.inf,
}
"""The least numbers that make sense, where that is not 0."""


class _Kind(NamedTuple):
    """What a value has to be: in words, and how to tell."""

    words: str
    is_one: Callable[[object], bool]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _is_texts(value: object) -> bool:
    return isinstance(value, (tuple, list)) and all(isinstance(one, str) for one in value)


def _are_members(value: object) -> bool:
    return isinstance(value, (tuple, list)) and all(
        isinstance(one, (tuple, list))
        and len(one) == 2
        and isinstance(one[0], str)
        and _is_texts(one[1])
        for one in value
    )


_KINDS: Mapping[object, _Kind] = {
    int: _Kind("a whole number", _is_whole),
    float: _Kind("a number", _is_number),
    bool: _Kind("True or False", lambda value: isinstance(value, bool)),
    str: _Kind("text", lambda value: isinstance(value, str)),
    tuple[str, ...]: _Kind("a tuple of texts", _is_texts),
    InitialCluster: _Kind("a tuple of names, each with a tuple of URLs", _are_members),
    AuthSource: _Kind(
        "a mapping, or the path of a file",
        lambda value: isinstance(value, (Mapping, str, os.PathLike)),
    ),
    PathSource: _Kind("the path of a file", lambda value: isinstance(value, (str, os.PathLike))),
    TLS: _Kind("True, False or a Tls", lambda value: isinstance(value, (bool, Tls))),
}


@cache
def types() -> Mapping[str, object]:
    """The type of each option of the server's."""
    return get_type_hints(ServerOptions)


def config(options: Mapping[str, Any], random_seed: int) -> NodeConfig:
    """What a server is started with.

    Raises:
        TypeError: there is no such option, or its value is of another kind.
        ValueError: it is a number that makes no sense.
    """
    for name, value in options.items():
        if name == "seed":
            raise TypeError(
                "FakeEtcd has no option 'seed': call seed(...) for keys that it begins with; "
                "random_seed= is for its ids"
            )
        if name not in types():
            raise TypeError(f"FakeEtcd has {no_option(name, [*types(), *OF_FAKE])}")
        check(name, types()[name], value)
    check("random_seed", int, random_seed)
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }
    values.setdefault("bcrypt_cost", BCRYPT_COST)
    if "auth_token" in values:
        values["auth_token"] = _tokens(values["auth_token"])
    if "initial_cluster" in values:
        values["initial_cluster"] = tuple(
            (member, tuple(urls)) for member, urls in values["initial_cluster"]
        )
    made = NodeConfig(seed=random_seed, **values)
    if made.election_timeout_ms < 5 * made.heartbeat_interval_ms:
        raise ValueError(
            f"election_timeout_ms={made.election_timeout_ms}: at least five times "
            f"heartbeat_interval_ms={made.heartbeat_interval_ms}"
        )
    names = [member for member, _ in made.initial_cluster]
    if names and made.name not in names:
        raise ValueError(
            f"initial_cluster={made.initial_cluster!r}: {made.name!r}, the name of this server, "
            "has to be in it"
        )
    most = auth_token.MOST_BCRYPT_COST
    if made.bcrypt_cost > most:
        raise ValueError(f"bcrypt_cost={made.bcrypt_cost}: it has to be {most} at most")
    return made


def _tokens(text: str) -> AuthTokenOptions:
    try:
        read = auth_token.read(text)
    except InvalidTokenOptions as error:
        raise ValueError(f"auth_token={text!r}: {error}") from None
    if read.unknown:
        raise ValueError(f"auth_token={text!r}: unknown JWT options {', '.join(read.unknown)}")
    return read.options


def check(name: str, kind: object, value: object) -> None:
    """Look at the value of an option, its own or a FakeEtcd's, that is to be of this type.

    Raises:
        TypeError: it is of another kind.
        ValueError: it is a number, and too small.
    """
    __tracebackhide__ = True  # pytest would show the value, which may be secret
    wanted = _KINDS[kind]
    if not wanted.is_one(value):
        shown = secret.MASK if secret.is_secret_option(name) else repr(value)
        raise TypeError(f"{name}={shown}: it has to be {wanted.words}")
    least = _LEAST.get(name, 0)
    if isinstance(value, (int, float)) and value < least:
        raise ValueError(f"{name}={value!r}: it has to be {least} at least")


def no_option(name: str, known: Iterable[str]) -> str:
    """A complaint of a name that is none of these, with those that are."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    meant = f"; {near[0]!r} is one" if near else ""
    return f"no option {name!r}{meant}. Options are {', '.join(names)}"
