"""--config-file: the same settings as the flags', in YAML or JSON, in place of flags and variables.

etcd: server/embed/config.go (`configFromFile`, `configJSON`, `securityConfig`). Durations are whole
nanoseconds in it; keys that are unknown are passed over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping

from fake_etcd.cli.flag_table import BY_NAME, Flag, Kind
from fake_etcd.cli.flag_values import check_value

_SECURITY = {
    "cert-file": "cert-file",
    "key-file": "key-file",
    "client-cert-file": "client-cert-file",
    "client-key-file": "client-key-file",
    "client-cert-auth": "client-cert-auth",
    "trusted-ca-file": "trusted-ca-file",
    "auto-tls": "auto-tls",
    "allowed-cn": "cert-allowed-cn",
    "allowed-hostname": "cert-allowed-hostname",
    "skip-client-san-verification": "skip-client-san-verification",
}
"""Keys of client-transport-security and peer-transport-security, and what flags are called."""

_CLIENT = {"cert-allowed-hostname": "client-cert-allowed-hostname"}
_LISTS = (
    "cipher-suites",
    "log-outputs",
    "client-cert-allowed-hostname",
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
_GO_TYPES_OF = {Kind.COUNT: "uint", Kind.COUNT32: "uint32", Kind.INTEGER: "int"}
_GO_TYPES = {
    "snapshot-count": "uint64",
    "snapshot-catchup-entries": "uint64",
    "quota-backend-bytes": "int64",
}
_NUMBERS = (Kind.COUNT, Kind.COUNT32, Kind.INTEGER)


class ConfigFileError(ValueError):
    """Why it cannot be read; etcd's words where they are its own and not its parser's."""


def read(path: str) -> dict[str, str]:
    """Flag to value, each as it would be on the command line.

    Raises:
        ConfigFileError: there is no such file, it is neither YAML nor JSON, or a value is wrong.
    """
    given: dict[str, str] = {}
    for key, value in _mapping(path).items():
        name = str(key).lower()
        if name in ("client-transport-security", "peer-transport-security"):
            given |= dict(_security(name.partition("-")[0], value))
        elif name in BY_NAME and value is not None:
            given[name] = _text(BY_NAME[name], value)
    return {name: value for name, value in given.items() if value or BY_NAME[name].default}


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
    import yaml  # only here: most servers have no such file, and are to start at once

    try:
        loaded: object = yaml.safe_load(text)
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise ConfigFileError(f"error converting YAML to JSON: yaml: {line}") from None
    return loaded


def _security(side: str, value: object) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        raise ConfigFileError(
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
            f"{_json_type(value)} into Go struct field "
            f"{_place(f'{side}-transport-security')} of type embed.securityConfig"
        )
    for key, each in value.items():
        part = _SECURITY.get(str(key).lower())
        if part is None or each is None:
            continue
        name = f"peer-{part}" if side == "peer" else _CLIENT.get(part, part)
        if name in BY_NAME:
            yield name, _text(BY_NAME[name], each)


def _text(flag: Flag, value: object) -> str:
    """A value as the flag would be given; of another type it is refused as Go's JSON refuses it."""
    number = isinstance(value, int) and not isinstance(value, bool)
    if flag.kind is Kind.SWITCH:
        if not isinstance(value, bool):
            raise _mismatch(flag, value, "bool")
        return "true" if value else "false"
    if flag.kind is Kind.DURATION:
        if not number:
            raise _mismatch(flag, value, "time.Duration")
        return f"{value}ns"
    if flag.kind in _NUMBERS:
        if not number:
            raise _mismatch(flag, value, _GO_TYPES.get(flag.name, _GO_TYPES_OF[flag.kind]))
        text = str(value)
    elif isinstance(value, list) and flag.name in _LISTS:
        text = ",".join(str(each) for each in value)
    elif isinstance(value, (dict, list)):
        raise _mismatch(flag, value, "string")
    elif isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = str(value)
    if flag.kind is Kind.STATE or (flag.kind is Kind.URLS and not text):
        return text  # which is looked at later, with all that hangs together
    try:
        check_value(flag.kind, text)
    except ValueError as error:
        if flag.kind is Kind.URLS:
            name = "advertise-peer-urls" if flag.name == "advertise-client-urls" else flag.name
            raise ConfigFileError(f"unexpected error setting up {name}: {error}") from None
        raise ConfigFileError(str(error)) from None
    return text


def _place(name: str) -> str:
    """Where etcd has a key: keys that it translates are in a struct of their own."""
    return f"configYAML.{'configJSON' if name in _TRANSLATED else 'Config'}.{name}"


def _mismatch(flag: Flag, value: object, wanted: str) -> ConfigFileError:
    return ConfigFileError(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
        f"{_json_type(value)} into Go struct field {_place(flag.name)} of type {wanted}"
    )


def _json_type(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "string"
