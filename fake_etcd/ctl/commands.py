"""The table of commands and their flags. etcd: etcdctl/ctlv3/ctl.go and command/*.go.

Names, kinds and defaults of flags are etcdctl's. What a command does is in the module and function
that `run` names, imported when it is to run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from fake_etcd.ctl.flags import Flag, Kind, Value

_S = 1_000_000_000


@dataclass(frozen=True)
class Command:
    """A command, or a group of them.

    Args:
        use: its name and what follows.
        about: one line about it.
        run: "module:function", which is called with a `call.Call`; empty for a group.
        flags: those that are its own.
        inherited: those that its sub-commands have as well.
        commands: its sub-commands.
        group: the heading that it is listed under.
    """

    use: str
    about: str
    run: str = ""
    flags: tuple[Flag, ...] = ()
    inherited: tuple[Flag, ...] = ()
    commands: tuple[Command, ...] = ()
    group: str = ""

    @cached_property
    def name(self) -> str:
        """Its first word."""
        return self.use.partition(" ")[0]


def _switch(name: str, usage: str, short: str = "", default: bool = False) -> Flag:
    return Flag(name, Kind.BOOL, default, usage, short)


def _text(name: str, usage: str, default: str = "") -> Flag:
    return Flag(name, Kind.STRING, default, usage)


def _number(name: str, usage: str, default: int = 0) -> Flag:
    return Flag(name, Kind.INT, default, usage)


def _duration(name: str, seconds: int, usage: str) -> Flag:
    return Flag(name, Kind.DURATION, seconds * _S, usage)


_ENDPOINTS: Value = ("127.0.0.1:2379",)

GLOBAL_FLAGS = (
    Flag("endpoints", Kind.STRINGS, _ENDPOINTS, "where servers are, with commas between"),
    _switch("debug", "tell on stderr what the client does"),
    Flag("write-out", Kind.STRING, "simple", "fields, json, protobuf, simple or table", "w"),
    _switch("hex", "print keys, values and ids in hexadecimal"),
    _duration("dial-timeout", 2, "how long the client may take to log in"),
    _duration("command-timeout", 5, "how long a command may take that does not go on"),
    _duration("keepalive-time", 2, "after how long a silent connection is pinged"),
    _duration("keepalive-timeout", 6, "how long the answer to that may take"),
    _number("max-request-bytes", "the most bytes that a request may have; 0 for 2 MiB"),
    _number("max-recv-bytes", "the most bytes that an answer may have; 0 for 2 GiB"),
    _switch("insecure-transport", "no TLS where nothing asks for it", default=True),
    _switch("insecure-discovery", "take what DNS says (not here)", default=True),
    _switch("insecure-skip-tls-verify", "take any certificate of the server: for tests only"),
    _text("cert", "file of the client's certificate"),
    _text("key", "file of the client's key"),
    _text("cacert", "file of the certificates to trust"),
    _text("auth-jwt-token", "a token, in place of --user and --password"),
    _text("user", "who it is, or name:password; without a password it is asked for"),
    _text("password", "the password of --user"),
    Flag("discovery-srv", Kind.STRING, "", "domain to ask for servers (not here)", "d"),
    _text("discovery-srv-name", "service to ask for there (not here)"),
)

_PREFIX = _switch("prefix", "all keys that begin so")
_FROM_KEY = _switch("from-key", "all keys from there on")
_PREV_KV = _switch("prev-kv", "print what was there, too")
_CONSISTENCY = _text("consistency", "l for linearizable, s for serializable", "l")
_CLUSTER = _switch("cluster", "take the client URLs of all members as endpoints")
_PEER_URLS = _text("peer-urls", "the member's peer URLs, with commas between")
_TTY = _switch("interactive", "ask for the password, rather than read it from stdin", default=True)
_ALL = _switch("all", "of all there are, with their details (etcdctl has no such flag)")

PUT_FLAGS = (
    _text("lease", "id of the key's lease, in hexadecimal", "0"),
    _PREV_KV,
    _switch("ignore-value", "keep the value that is there"),
    _switch("ignore-lease", "keep the lease that is there"),
)
GET_FLAGS = (
    _CONSISTENCY,
    _text("order", "ASCEND or DESCEND"),
    _text("sort-by", "CREATE, KEY, MODIFY, VALUE or VERSION"),
    _number("limit", "the most keys to print"),
    _PREFIX,
    _FROM_KEY,
    _number("rev", "what was there at that revision"),
    _switch("keys-only", "without values"),
    _switch("count-only", "only how many there are (with -w fields)"),
    _switch("print-value-only", "only the value (with -w simple)"),
    _number("min-create-rev", "only keys made at that revision or later"),
    _number("max-create-rev", "only keys made at that revision or before"),
    _number("min-mod-rev", "only keys put at that revision or later"),
    _number("max-mod-rev", "only keys put at that revision or before"),
    _switch("stream", "get them in parts, from etcd 3.7 on"),
)
DEL_FLAGS = (
    _PREFIX,
    _PREV_KV,
    _FROM_KEY,
    _switch("range", "do not wait before a range is deleted"),
)
WATCH_FLAGS = (
    _switch("interactive", "read watches from stdin", "i"),
    _PREFIX,
    _number("rev", "the first revision to hear of"),
    _PREV_KV,
    _switch("progress-notify", "hear of revisions while nothing happens"),
)

_LEASE = (
    Command("grant <ttl>", "make a lease of so many seconds", "lease:grant"),
    Command("revoke <leaseID>", "end a lease and its keys", "lease:revoke"),
    Command(
        "timetolive <leaseID> [options]",
        "how long a lease has still to go",
        "lease:time_to_live",
        (_switch("keys", "print its keys, too"),),
    ),
    Command("list", "the leases that there are", "lease:leases"),
    Command(
        "keep-alive [options] <leaseID>",
        "renew a lease until it ends",
        "lease:keep_alive",
        (_switch("once", "renew it once"),),
    ),
)
_USER = (
    Command(
        "add <user name or user:password> [options]",
        "make a user",
        "users:add",
        (
            _TTY,
            _text("new-user-password", "the password"),
            _switch("no-password", "a user who logs in by certificate only"),
        ),
    ),
    Command("delete <user name>", "remove a user", "users:delete"),
    Command(
        "get <user name> [options]",
        "the roles of a user",
        "users:get",
        (_switch("detail", "print what the roles permit, too"), _ALL),
    ),
    Command("list", "the users that there are", "users:list_users", (_ALL,)),
    Command("passwd <user name> [options]", "change a password", "users:passwd", (_TTY,)),
    Command("grant-role <user name> <role name>", "give a user a role", "users:grant_role"),
    Command("revoke-role <user name> <role name>", "take a role from a user", "users:revoke_role"),
)
_ROLE = (
    Command("add <role name>", "make a role", "roles:add"),
    Command("delete <role name>", "remove a role", "roles:delete"),
    Command("get <role name>", "what a role permits", "roles:get", (_ALL,)),
    Command("list", "the roles that there are", "roles:list_roles", (_ALL,)),
    Command(
        "grant-permission [options] <role name> <permission type> <key> [endkey]",
        "permit a role read, write or readwrite of keys",
        "roles:grant_permission",
        (_PREFIX, _FROM_KEY),
    ),
    Command(
        "revoke-permission <role name> <key> [endkey]",
        "take a permission from a role",
        "roles:revoke_permission",
        (_PREFIX, _FROM_KEY),
    ),
)
_AUTH = (
    Command("enable", "ask for passwords from now on", "auth:enable"),
    Command("disable", "ask for no passwords from now on", "auth:disable"),
    Command("status", "whether passwords are asked for", "auth:status"),
)
_ENDPOINT = (
    Command("health", "whether each endpoint works", "endpoint:health"),
    Command("status", "how each endpoint is", "endpoint:status"),
    Command(
        "hashkv",
        "a sum of the keys and their past, of each endpoint",
        "endpoint:hash_kv",
        inherited=(_number("rev", "the last revision in the sum"),),
    ),
)
_MEMBER = (
    Command(
        "add <memberName> [options]",
        "announce a new member",
        "member:add",
        (_PEER_URLS, _switch("learner", "one that does not vote")),
    ),
    Command("remove <memberID>", "remove a member", "member:remove"),
    Command("update <memberID> [options]", "change peer URLs", "member:update", (_PEER_URLS,)),
    Command("list", "the members that there are", "member:list_members", (_CONSISTENCY,)),
    Command("promote <memberID>", "let a learner vote", "member:promote"),
)
_ALARM = (
    Command("disarm", "end all alarms", "maintenance:alarm_disarm"),
    Command("list", "the alarms that there are", "maintenance:alarm_list"),
)
_DOWNGRADE = (
    Command("validate <TARGET_VERSION>", "whether one could be made", "maintenance:downgrade"),
    Command("enable <TARGET_VERSION>", "begin one", "maintenance:downgrade"),
    Command("cancel", "end one", "maintenance:downgrade_cancel"),
)

_KV = "Keys and values"
_CLUSTER_GROUP = "Cluster and maintenance"
_CONCURRENCY = "Concurrency"
_AUTHENTICATION = "Users, roles and authentication"
_UTILITY = "Other"
GROUPS = (_KV, _CLUSTER_GROUP, _CONCURRENCY, _AUTHENTICATION, _UTILITY)

# The order is that in which etcdctl has them, which is that of suggestions.
ROOT = Command(
    "etcdctl",
    "etcdctl's commands without etcdctl.",
    inherited=GLOBAL_FLAGS,
    commands=(
        Command("get [options] <key> [range_end]", "print keys", "kv:get", GET_FLAGS, group=_KV),
        Command(
            "put [options] <key> <value> (<value> can also be given from stdin)",
            "give a key a value",
            "kv:put",
            PUT_FLAGS,
            group=_KV,
        ),
        Command(
            "del [options] <key> [range_end]", "delete keys", "kv:delete", DEL_FLAGS, group=_KV
        ),
        Command(
            "txn [options]",
            "do several things at once, as stdin says",
            "txn:txn",
            (_switch("interactive", "say what to write next", "i"),),
            group=_KV,
        ),
        Command(
            "compaction [options] <revision>",
            "forget what was before a revision",
            "kv:compaction",
            (_switch("physical", "be answered when the file has forgotten it"),),
            group=_KV,
        ),
        Command("alarm <subcommand>", "alarms of members", commands=_ALARM, group=_CLUSTER_GROUP),
        Command(
            "defrag",
            "make the files of the endpoints as small as they can be",
            "maintenance:defrag",
            inherited=(_CLUSTER,),
            group=_CLUSTER_GROUP,
        ),
        Command(
            "endpoint <subcommand>",
            "health, status and hash of endpoints",
            inherited=(_CLUSTER,),
            commands=_ENDPOINT,
            group=_CLUSTER_GROUP,
        ),
        Command(
            "move-leader <transferee-member-id>",
            "let another member lead",
            "maintenance:move_leader",
            group=_CLUSTER_GROUP,
        ),
        Command(
            "watch [options] [key or prefix] [range_end] [--] [exec-command arg1 arg2 ...]",
            "print what happens to keys, or run a command",
            "watch:watch",
            WATCH_FLAGS,
            group=_KV,
        ),
        Command("version", "which etcdctl this is like", "usage:version_command", group=_UTILITY),
        Command("lease <subcommand>", "leases", commands=_LEASE, group=_KV),
        Command(
            "member <subcommand>",
            "members of the cluster",
            commands=_MEMBER,
            group=_CLUSTER_GROUP,
        ),
        Command(
            "snapshot <subcommand>",
            "snapshots",
            commands=(
                Command("save <filename>", "save a server's file", "maintenance:snapshot_save"),
            ),
            group=_CLUSTER_GROUP,
        ),
        Command("make-mirror [options] <destination>", "not here", "absent:refuse"),
        Command(
            "lock <lockname> [exec-command arg1 arg2 ...]",
            "hold a lock, for as long as a command runs",
            "lock:lock",
            (_number("ttl", "seconds after which a lock is lost whose holder is gone", 10),),
            group=_CONCURRENCY,
        ),
        Command(
            "elect <election-name> [proposal]",
            "take part in an election, or look on",
            "elect:elect",
            (_switch("listen", "look on", "l"),),
            group=_CONCURRENCY,
        ),
        Command(
            "auth <enable or disable>",
            "authentication on and off",
            commands=_AUTH,
            group=_AUTHENTICATION,
        ),
        Command("user <subcommand>", "users", commands=_USER, group=_AUTHENTICATION),
        Command("role <subcommand>", "roles", commands=_ROLE, group=_AUTHENTICATION),
        Command("check <subcommand>", "not here", "absent:refuse", group=_UTILITY),
        Command("completion [bash|zsh|fish|powershell]", "not here", "absent:refuse"),
        Command(
            "downgrade <TARGET_VERSION>",
            "downgrades of the cluster",
            commands=_DOWNGRADE,
            group=_CLUSTER_GROUP,
        ),
        Command("options", "the flags that every command takes", "usage:options", group=_UTILITY),
        Command("help [command]", "help about a command", "usage:help_command", group=_UTILITY),
    ),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A command that was found, and what is left of the command line.

    Args:
        path: from the root on to it.
        arguments: without the names of commands.
    """

    path: tuple[Command, ...]
    arguments: list[str]

    @property
    def command(self) -> Command:
        """The last of the path."""
        return self.path[-1]

    @property
    def inherited(self) -> tuple[Flag, ...]:
        """The flags that it has from those above it."""
        return tuple(flag for each in self.path[:-1] for flag in each.inherited)

    @property
    def flags(self) -> tuple[Flag, ...]:
        """All that it takes; a name that is its own comes after the same of another."""
        return (*self.inherited, *self.command.inherited, *self.command.flags)

    @property
    def name(self) -> str:
        """Its names in a row, the program's first."""
        return " ".join(each.name for each in self.path)


class UnknownCommand(Exception):
    """There is no such command. The message is cobra's, with suggestions."""


def find(arguments: list[str], root: Command = ROOT) -> Found:
    """The command of a command line; names may be shortened while they are one command's.

    Go: spf13/cobra command.go, Find.

    Raises:
        UnknownCommand: the first word is none.
    """
    path: tuple[Command, ...] = (root,)
    rest = arguments
    while True:
        found = Found(path, rest)
        at = _first_word(found)
        if at is None:
            return found
        following = _child(path[-1], rest[at])
        if following is None:
            if len(path) == 1:
                raise UnknownCommand(_unknown(root, rest[at]))
            return found
        path = (*path, following)
        rest = [*rest[:at], *rest[at + 1 :]]


def _first_word(found: Found) -> int | None:
    """Where the first word is that is neither a flag nor the value of one."""
    if not found.command.commands:
        return None
    flags = {f"--{flag.name}": flag for flag in found.flags}
    flags |= {f"-{flag.short}": flag for flag in found.flags if flag.short}
    at = 0
    while at < len(found.arguments):
        word = found.arguments[at]
        if word == "--":
            return None
        if word and not word.startswith("-"):
            return at
        is_whole = "=" not in word and (word.startswith("--") or len(word) == 2)
        if is_whole and word not in ("--help", "-h"):
            flag = flags.get(word)
            at += flag is None or flag.takes_word
        at += 1
    return None


def _child(command: Command, name: str) -> Command | None:
    for each in command.commands:
        if each.name == name:
            return each
    begin_so = [each for each in command.commands if each.name.startswith(name)]
    return begin_so[0] if len(begin_so) == 1 else None


def _unknown(root: Command, name: str) -> str:
    from fake_etcd.ctl.gotext import quote

    near = [
        each.name
        for each in root.commands
        if each.name.lower().startswith(name.lower()) or _distance(name, each.name) <= 2
    ]
    told = f"unknown command {quote(name)} for {quote(root.name)}"
    return told + ("\n\nDid you mean this?\n\t" + "\n\t".join(near) + "\n" if near else "")


def _distance(one: str, other: str) -> int:
    """How many letters to change, add or leave out, whatever their case (Levenshtein)."""
    one, other = one.lower(), other.lower()
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, 1):
        before, row = row, [number]
        for at, wanted in enumerate(other):
            row.append(min(row[-1] + 1, before[at + 1] + 1, before[at] + (letter != wanted)))
    return row[-1]
