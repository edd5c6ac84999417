"""--config-file: the same settings as the flags', in YAML or JSON, in place of flags and variables.

etcd: server/embed/config.go (`configFromFile`, `configJSON`, `securityConfig`), client/v3/config.go
(`ConfigSpec`). Durations are whole nanoseconds in it; keys that are unknown are passed over, and so
are flags that no key stands for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fake_etcd.cli.flag_table import BY_NAME, Flag, Kind
from fake_etcd.cli.flag_values import check_value
from fake_etcd.cli.usage import BAD_CONFIGURATION, BAD_FLAG, Stage, UsageError

_TEXTS = "[]string"


@dataclass(frozen=True, slots=True)
class _Section:
    """A mapping inside the file.

    Attributes:
        go_type: Go's name of what it becomes.
        place: how Go names where its keys are.
        flags: the flag that each key stands for.
        sections: mappings inside it, by key.
    """

    go_type: str
    place: str
    flags: Mapping[str, str]
    sections: Mapping[str, _Section] = field(default_factory=dict)


_SECURITY = {
    "cert-file": "cert-file",
    "key-file": "key-file",
    "client-cert-file": "client-cert-file",
    "client-key-file": "client-key-file",
    "client-cert-auth": "client-cert-auth",
    "trusted-ca-file": "trusted-ca-file",
    "auto-tls": "auto-tls",
    "allowed-hostname": "cert-allowed-hostname",
}
"""Keys about TLS, and what flags are called, but for what is before that."""

_CLIENT = {**_SECURITY, "allowed-hostname": "client-cert-allowed-hostname"}
_PEER = {
    **{key: f"peer-{flag}" for key, flag in _SECURITY.items()},
    "allowed-cn": "peer-cert-allowed-cn",
    "skip-client-san-verification": "peer-skip-client-san-verification",
}
_OF_DISCOVERY = "Config.discovery-config"

SECTIONS: Mapping[str, _Section] = {
    "client-transport-security": _Section(
        "embed.securityConfig",
        "securityConfig.configJSON.client-transport-security",
        _CLIENT,
    ),
    "peer-transport-security": _Section(
        "embed.securityConfig",
        "securityConfig.configJSON.peer-transport-security",
        _PEER,
    ),
    "socket-options": _Section(
        "transport.SocketOpts",
        "SocketOpts.Config.socket-options",
        {"reuse-port": "socket-reuse-port", "reuse-address": "socket-reuse-address"},
    ),
    "discovery-config": _Section(
        "v3discovery.DiscoveryConfig",
        f"DiscoveryConfig.{_OF_DISCOVERY}",
        {"token": "discovery-token"},
        {
            "client": _Section(
                "clientv3.ConfigSpec",
                f"ConfigSpec.{_OF_DISCOVERY}.client",
                {
                    "endpoints": "discovery-endpoints",
                    "request-timeout": "discovery-request-timeout",
                    "dial-timeout": "discovery-dial-timeout",
                    "keepalive-time": "discovery-keepalive-time",
                    "keepalive-timeout": "discovery-keepalive-timeout",
                },
                {
                    "secure": _Section(
                        "clientv3.SecureConfig",
                        f"SecureConfig.{_OF_DISCOVERY}.client.secure",
                        {
                            "cert": "discovery-cert",
                            "key": "discovery-key",
                            "cacert": "discovery-cacert",
                            "insecure-transport": "discovery-insecure-transport",
                            "insecure-skip-tls-verify": "discovery-insecure-skip-tls-verify",
                        },
                    ),
                    "auth": _Section(
                        "clientv3.AuthConfig",
                        f"AuthConfig.{_OF_DISCOVERY}.client.auth",
                        {"username": "discovery-user", "password": "discovery-password"},
                    ),
                },
            )
        },
    ),
}


def _flags_of(section: _Section) -> Iterator[str]:
    yield from section.flags.values()
    for inner in section.sections.values():
        yield from _flags_of(inner)


_WITHOUT_KEY = frozenset(
    (
        *(name for section in SECTIONS.values() for name in _flags_of(section)),
        "client-crl-file",
        "config-file",
        "discovery-fallback",
        "help",
        "peer-crl-file",
        "raft-read-timeout",
        "raft-write-timeout",
        "version",
    )
)
"""Flags that no key at the top stands for."""

_LISTS = (
    "cipher-suites",
    "client-cert-allowed-hostname",
    "discovery-endpoints",
    "log-outputs",
    "peer-cert-allowed-cn",
    "peer-cert-allowed-hostname",
)
_TRANSLATED = (
    "listen-peer-urls",
    "listen-client-urls",
    "listen-client-http-urls",
    "initial-advertise-peer-urls",
    "advertise-client-urls",
    "cors",
    "host-whitelist",
    "client-transport-security",
    "peer-transport-security",
    "feature-gates",
)
_URLS = (*_TRANSLATED[:5], "listen-metrics-urls")
"""In the order in which they are looked at."""

_UINT, _UINT32, _UINT64 = "uint", "uint32", "uint64"
_GO_TYPES_OF = {
    Kind.COUNT: _UINT,
    Kind.COUNT32: _UINT32,
    Kind.INTEGER: "int",
    Kind.DURATION: "time.Duration",
}
_GO_TYPES = {
    "snapshot-count": _UINT64,
    "snapshot-catchup-entries": _UINT64,
    "quota-backend-bytes": "int64",
}
_INT64 = range(-(1 << 63), 1 << 63)
_RANGES = {
    _UINT: range(1 << 64),
    _UINT64: range(1 << 64),
    _UINT32: range(1 << 32),
}


class ConfigFileError(ValueError):
    """Why it cannot be read, in etcd's words."""


def read(path: str) -> dict[str, str]:
    """Flag to value, each as it would be on the command line.

    Raises:
        ConfigFileError: there is no such file, it is neither YAML nor JSON, or a value is wrong.
        UsageError: a value is wrong in a way that etcd says otherwise.
    """
    given: dict[str, str] = {}
    for key, value in _sorted(_mapping(path)):
        section = SECTIONS.get(key)
        if section is not None:
            _take_section(given, section, _place(key), value)
        elif key in BY_NAME and key not in _WITHOUT_KEY and value is not None:
            given[key] = _text(BY_NAME[key], value, _place(key))
    _check(given)
    return {name: value for name, value in given.items() if value or BY_NAME[name].default}


def _sorted(mapping: Mapping[object, object]) -> list[tuple[str, object]]:
    """As JSON has it that Go makes of YAML: by key, so that the first that is wrong is told of."""
    return sorted((str(key).lower(), value) for key, value in mapping.items())


def _mapping(path: str) -> Mapping[object, object]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        verb = "read" if os.path.isdir(path) else "open"
        reason = os.strerror(error.errno or 0).lower()
        raise ConfigFileError(f"{verb} {path}: {reason}") from None
    except UnicodeDecodeError as error:
        raise ConfigFileError(f"{path}: {error}") from None
    found = _load(text)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConfigFileError(
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
            f"{_json_type(found)} into Go value of type embed.configYAML"
        )
    return found


def _load(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:  # most are YAML
        pass
    from fake_etcd.cli import yaml_text  # most servers have no such file, and are to start at once

    try:
        return yaml_text.load(text)
    except yaml_text.YamlError as error:
        raise ConfigFileError(f"error converting YAML to JSON: yaml: {error}") from None


def _take_section(given: dict[str, str], section: _Section, place: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, dict):
        raise _mismatch(_json_type(value), place, section.go_type)
    for key, each in _sorted(value):
        inside = f"{section.place}.{key}"
        if key in section.sections:
            _take_section(given, section.sections[key], inside, each)
        elif key in section.flags and each is not None:
            flag = BY_NAME[section.flags[key]]
            given[flag.name] = _text(flag, each, inside)


def _text(flag: Flag, value: object, place: str) -> str:
    """A value as the flag would be given; of another type it is refused as Go's JSON refuses it."""
    if flag.kind is Kind.SWITCH:
        if not isinstance(value, bool):
            raise _mismatch(_json_type(value), place, "bool")
        return "true" if value else "false"
    if flag.kind in _GO_TYPES_OF:
        go_type = _GO_TYPES.get(flag.name, _GO_TYPES_OF[flag.kind])
        number = _number(value, place, go_type)
        return f"{number}ns" if flag.kind is Kind.DURATION else str(number)
    if flag.name in _LISTS:
        if not isinstance(value, list):
            raise _mismatch(_json_type(value), place, _TEXTS)
        wrong = [each for each in value if not isinstance(each, str)]
        if wrong:
            raise _mismatch(_json_type(wrong[0]), place, "string")
        return ",".join(value)
    if not isinstance(value, (str, bytes)) and _json_type(value) != "string":
        raise _mismatch(_json_type(value), place, "string")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _number(value: object, place: str, go_type: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _mismatch(_json_type(value), place, go_type)
    if isinstance(value, int) and value not in _RANGES[_UINT64] and value not in _INT64:
        value = float(value)  # what Go's reader of YAML makes of it
    if value != int(value) or int(value) not in _RANGES.get(go_type, _INT64):
        shown = int(value) if value == int(value) else value
        raise _mismatch(f"number {shown}", place, go_type)
    return int(value)


def _check(given: Mapping[str, str]) -> None:
    """Look at what is made of the texts, in etcd's order."""
    for name in ("feature-gates", *_URLS, "cors"):
        text = given.get(name, "")
        if not text:
            continue
        try:
            check_value(BY_NAME[name].kind, text)
        except ValueError as error:
            if name == "cors":
                message = f"new UniqueURLs should never fail: {error}"
                raise UsageError(message, BAD_FLAG, Stage.PANIC) from None
            if name in _URLS:
                called = "advertise-peer-urls" if name == "advertise-client-urls" else name
                message = f"unexpected error setting up {called}: {error}"
                raise UsageError(message, BAD_CONFIGURATION, Stage.PLAIN) from None
            raise ConfigFileError(str(error)) from None


def _place(name: str) -> str:
    """Where etcd has a key: keys that it translates are in a struct of their own."""
    return f"configYAML.{'configJSON' if name in _TRANSLATED else 'Config'}.{name}"


def _mismatch(found: str, place: str, wanted: str) -> ConfigFileError:
    return ConfigFileError(
        f"error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go "
        f"struct field {place} of type {wanted}"
    )


def _json_type(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "string"
