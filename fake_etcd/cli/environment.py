"""The variables ETCD_..., one for each flag, as etcd takes them: below the command line.

etcd: pkg/flags/flag.go (`SetFlagsFromEnv`, `verifyEnv`), server/etcdmain/config.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fake_etcd.cli.early_log import LogLine
from fake_etcd.cli.flag_table import BY_NAME, Kind
from fake_etcd.cli.flag_values import check_value
from fake_etcd.cli.urls import quote

_PREFIX = "ETCD_"
_SHADOWED = (
    "conflicting environment variable is shadowed by corresponding command-line flag (either unset "
    "environment variable or disable flag))"
)


@dataclass(slots=True)
class Found:
    """What the variables say.

    Attributes:
        values: flag to value.
        lines: what etcd logs of them.
        wrong: the last value that cannot be read, in etcd's words; empty for none.
        conflict: a variable whose flag was given too, which is the end; empty for none.
    """

    values: dict[str, str] = field(default_factory=dict)
    lines: list[LogLine] = field(default_factory=list)
    wrong: str = ""
    conflict: str = ""


def variable(flag: str) -> str:
    """The variable of a flag.

    >>> variable("max-txn-ops")
    'ETCD_MAX_TXN_OPS'
    """
    return _PREFIX + flag.upper().replace("-", "_")


def environment_variables(environment: Mapping[str, str], given: Mapping[str, str]) -> Found:
    """Read them, but for those whose flags were given."""
    found = Found()
    variables = dict(environment)
    version = variables.pop("ETCD_VERSION", "")
    if version:
        # Container images set it for themselves.
        found.lines.append(
            LogLine(
                "warn",
                "etcdmain/config.go:194",
                "cannot set special environment variable",
                {"key": "ETCD_VERSION", "value": version},
            )
        )
    used: set[str] = set()
    shadowed = {variable(name) for name in given}
    for name in sorted(BY_NAME):
        key = variable(name)
        value = variables.get(key, "")
        if key not in shadowed and value:
            used.add(key)
            _take(found, name, key, value)
    _look_at_the_rest(found, variables, used, shadowed)
    return found


def _take(found: Found, name: str, key: str, value: str) -> None:
    try:
        check_value(BY_NAME[name].kind, value)
    except ValueError as error:
        reason = str(error)
        if BY_NAME[name].kind is Kind.SWITCH:
            reason = "parse error"
        found.wrong = f"invalid value {quote(value)} for {key}: {reason}"
        return
    found.values[name] = value
    found.lines.append(
        LogLine(
            "info",
            "flags/flag.go:113",
            "recognized and used environment variable",
            {"variable-name": key, "variable-value": value},
        )
    )


def _look_at_the_rest(
    found: Found, variables: Mapping[str, str], used: set[str], shadowed: set[str]
) -> None:
    for key, value in variables.items():
        if key in used:
            continue
        if key in shadowed:
            fields = {"environment-variable": key}
            found.lines.append(LogLine("fatal", "flags/flag.go:86", _SHADOWED, fields))
            found.conflict = f"{_SHADOWED}: {key}"
            return
        if key.startswith(_PREFIX):
            found.lines.append(
                LogLine(
                    "warn",
                    "flags/flag.go:94",
                    "unrecognized environment variable",
                    {"environment-variable": f"{key}={value}"},
                )
            )
