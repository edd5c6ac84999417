"""user add, delete, get, list, passwd, grant-role, revoke-role. etcd: etcdctl's user_command.go."""

from __future__ import annotations

from fake_etcd.ctl.call import Call
from fake_etcd.ctl.terminal import Exit, Status


def add(call: Call) -> None:
    """`user add`."""
    if len(call.words) != 1:
        raise Exit(Status.BAD_ARGS, "user add command requires user name as its argument")
    if call.given.is_on("no-password"):
        user = call.words[0]
        answer = call.client().user_add(user, no_password=True)
    else:
        user, password = _user_and_password(call)
        answer = call.client().user_add(user, password)
    call.printer.user_add(user, answer)


def _user_and_password(call: Call) -> tuple[str, str]:
    word = call.words[0]
    password = call.given.text("new-user-password")
    if password:
        return word, password
    user, colon, password = word.partition(":")
    if not colon:
        return word, _password(call, word)
    if not user:
        raise Exit(Status.BAD_ARGS, "empty user name is not allowed")
    return user, password


def _password(call: Call, user: str) -> str:
    """From whoever is at the terminal, who types it twice, or from stdin up to a space."""
    if not call.given.is_on("interactive"):
        words = call.terminal.stdin.readline().split()
        return words[0].decode("utf-8", "surrogateescape") if words else ""
    password = call.ask(f"Password of {user}: ")
    if not password:
        raise Exit(Status.BAD_ARGS, "empty password")
    if call.ask(f"Type password of {user} again for confirmation: ") != password:
        raise Exit(Status.BAD_ARGS, "given passwords are different")
    return password


def delete(call: Call) -> None:
    """`user delete`."""
    if len(call.words) != 1:
        raise Exit(Status.BAD_ARGS, "user delete command requires user name as its argument")
    call.printer.user_delete(call.words[0], call.client().user_delete(call.words[0]))


def get(call: Call) -> None:
    """`user get`, with the roles' permissions or without; with --all of all users."""
    if call.given.is_on("all"):
        _refuse_words(call, "user get --all")
        if call.given.is_on("detail"):
            told = "--all has no --detail: `role get --all` tells what roles permit"
            raise Exit(Status.BAD_ARGS, told)
        _print_all(call)
        return
    if len(call.words) != 1:
        raise Exit(Status.BAD_ARGS, "user get command requires user name as its argument")
    name = call.words[0]
    client = call.client()
    answer = client.user_get(name)
    if not call.given.is_on("detail"):
        call.printer.user_get(name, answer)
        return
    call.terminal.say(f"User: {name}")
    for role in answer.roles:
        call.terminal.say("")
        call.printer.role_get(role, client.role_get(role))


def _print_all(call: Call) -> None:
    call.printer.all_users(call.client().user_list_all())


def list_users(call: Call) -> None:
    """`user list`; with --all as `user get --all`."""
    _refuse_words(call, "user list")
    if call.given.is_on("all"):
        _print_all(call)
    else:
        call.printer.user_list(call.client().user_list())


def _refuse_words(call: Call, command: str) -> None:
    if call.words:
        raise Exit(Status.BAD_ARGS, f"{command} command requires no arguments")


def passwd(call: Call) -> None:
    """`user passwd`."""
    if len(call.words) != 1:
        raise Exit(Status.BAD_ARGS, "user passwd command requires user name as its argument")
    password = _password(call, call.words[0])
    call.printer.user_password(call.client().user_change_password(call.words[0], password))


def grant_role(call: Call) -> None:
    """`user grant-role`."""
    if len(call.words) != 2:
        raise Exit(
            Status.BAD_ARGS,
            "user grant command requires user name and role name as its argument",
        )
    user, role = call.words
    call.printer.user_grant(user, role, call.client().user_grant_role(user, role))


def revoke_role(call: Call) -> None:
    """`user revoke-role`."""
    if len(call.words) != 2:
        raise Exit(
            Status.BAD_ARGS, "user revoke-role requires user name and role name as its argument"
        )
    user, role = call.words
    call.printer.user_revoke(user, role, call.client().user_revoke_role(user, role))
