"""One run of a command: its flags, the environment's say, its client, its printer.

etcd: etcdctl/ctlv3/command/global.go. Nothing of the client is imported before it is needed.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

from fake_etcd.cli.early_log import LogLine
from fake_etcd.ctl.commands import Found
from fake_etcd.ctl.flags import Flag, Given
from fake_etcd.ctl.gotext import quote
from fake_etcd.ctl.terminal import Exit, Status, Terminal

if TYPE_CHECKING:
    from fake_etcd.clientv3 import Client, Config
    from fake_etcd.ctl.printers import Printer

PREFIX = "ETCDCTL_"


class Call:
    """What a command is run with.

    Args:
        found: the command.
        given: its flags and words.
        terminal: where it reads and writes.
    """

    def __init__(self, found: Found, given: Given, terminal: Terminal) -> None:
        self.found = found
        self.given = given
        self.terminal = terminal
        self.words = given.words
        self._config: Config | None = None
        self._printer: Printer | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Call:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def printer(self) -> Printer:
        """Prints answers in the format that was asked for."""
        self.config()
        assert self._printer is not None, "the configuration makes it"
        return self._printer

    @property
    def timeout(self) -> float:
        """Seconds that a command may take that does not go on."""
        self.config()
        return self.given.seconds("command-timeout")

    def config(self) -> Config:
        """How clients are to be; raises Exit for flags that do not go together."""
        if self._config is None:
            self._apply_environment()
            self._config = self._made_config()
        return self._config

    def client(self, *endpoints: str) -> Client:
        """A client that is closed when the command ends.

        Args:
            endpoints: where it is to look; none: where the flags say.
        """
        from dataclasses import replace

        from fake_etcd import clientv3

        config = self.config()
        if endpoints:
            config = replace(config, endpoints=endpoints)
        try:
            made = clientv3.Client(config)
        except clientv3.Error as error:
            raise Exit(Status.BAD_CONNECTION, str(error)) from None
        return self._stack.enter_context(made)

    @staticmethod
    def client_errors() -> type[Exception]:
        """What the client raises; a command that leaves it to others ends with status 1."""
        from fake_etcd.clientv3.errors import Error

        return Error

    def ask(self, prompt: str) -> str:
        """A password, typed by whoever is at the terminal, or a line of stdin."""
        from fake_etcd.ctl import passwords

        return passwords.ask(prompt, self.terminal)

    def _apply_environment(self) -> None:
        """Take `ETCDCTL_…` for flags that are not given; refuse one that is given twice.

        etcd: pkg/flags/flag.go, SetPflagsFromEnv. A value that is none of the flag's is refused
        here; etcdctl takes zero in its place and says nothing.
        """
        own = {flag.name for flag in (*self.found.command.flags, *self.found.command.inherited)}
        flags = [flag for flag in self.found.inherited if flag.name not in own]
        by_key = {_variable(flag): flag for flag in flags}
        for key, text in self.terminal.environ.items():
            flag = by_key.get(key)
            if flag is not None and self.given.is_changed(flag.name):
                self._log("fatal", 86, _CONFLICT, key)
                raise Exit(Status.ERROR)
            is_known = flag is not None or key in self._variables_of_its_own()
            if key.startswith(PREFIX) and not (is_known and text):
                self._log("warn", 94, "unrecognized environment variable", f"{key}={text}")
        for key, flag in sorted(by_key.items()):
            self._take(key, flag)
        if self.given.is_on("debug"):
            for key, flag in sorted(by_key.items()):
                value = flag.written(self.given[flag.name])
                self.terminal.complain(f"{key}={value}")

    def _variables_of_its_own(self) -> tuple[str, ...]:
        is_watch = self.found.command.name == "watch"
        return ("ETCDCTL_WATCH_KEY", "ETCDCTL_WATCH_RANGE_END") if is_watch else ()

    def _take(self, key: str, flag: Flag) -> None:
        text = self.terminal.environ.get(key, "")
        if not text:
            return
        try:
            self.given.set(flag, text)
        except ValueError as error:
            raise Exit(Status.ERROR, f"invalid value {quote(text)} for {key}: {error}") from None

    def _log(self, level: str, line: int, message: str, variable: str) -> None:
        told = LogLine(level, f"flags/flag.go:{line}", message, {"environment-variable": variable})
        self.terminal.complain(told.json(time.time()))

    def _made_config(self) -> Config:
        from fake_etcd.clientv3 import Config, Error
        from fake_etcd.ctl import printers, tls

        given = self.given
        if given.text("discovery-srv"):
            raise Exit(
                Status.ERROR,
                "--discovery-srv asks DNS where the servers are, which fake_etcd ctl does not do:"
                " give --endpoints",
            )
        endpoints = tuple(each.strip() for each in given.strings("endpoints"))
        tls.refuse_empty(given)
        token, user, password = self._identity()
        self._printer = printers.make(given.text("write-out"), given.is_on("hex"), self.terminal)
        try:
            return Config(
                endpoints=endpoints,
                dial_timeout=given.seconds("dial-timeout") or None,
                dial_keepalive_time=given.seconds("keepalive-time"),
                dial_keepalive_timeout=given.seconds("keepalive-timeout"),
                max_call_send_size=given.number("max-request-bytes"),
                max_call_recv_size=given.number("max-recv-bytes"),
                tls=tls.of(given, endpoints),
                username=user,
                password=password,
                token=token,
            )
        except (Error, ValueError) as error:
            raise Exit(Status.BAD_CONNECTION, str(error)) from None

    def _identity(self) -> tuple[str, str, str]:
        """Token, user and password."""
        user, password = self.given.text("user"), self.given.text("password")
        token = self.given.text("auth-jwt-token")
        if token or not user:
            return token, "", ""
        if password:
            return "", user, password
        name, colon, password = user.partition(":")
        return "", name, password if colon else self.ask("Password: ")


_CONFLICT = (
    "conflicting environment variable is shadowed by corresponding command-line flag"
    " (either unset environment variable or disable flag))"
)


def _variable(flag: Flag) -> str:
    return PREFIX + flag.name.upper().replace("-", "_")
