"""Users and their tokens at the gateway."""

from __future__ import annotations

from ...gateway import frame
from ...scenario import scenario
from ...session import Session
from ...targets import ROOT_PASSWORD

A = '{"key":"YQ=="}'


def with_users(s: Session) -> tuple[str, str]:
    """Switch authentication on; tokens of root and of a user who may read "a"."""
    s.gateway("/v3/auth/user/add", f'{{"name":"root","password":"{ROOT_PASSWORD}"}}')
    s.gateway("/v3/auth/user/grant", '{"user":"root","role":"root"}')
    s.gateway("/v3/auth/role/add", '{"name":"reader"}')
    s.gateway("/v3/auth/role/grant", '{"name":"reader","perm":{"key":"YQ=="}}')
    s.gateway("/v3/auth/user/add", '{"name":"u","password":"p"}')
    s.gateway("/v3/auth/user/grant", '{"user":"u","role":"reader"}')
    s.gateway("/v3/auth/enable", "{}")
    root = s.gateway_token("root", ROOT_PASSWORD)
    return root, s.gateway_token("u", "p")


@scenario
def a_token_is_in_the_authorization_header(s: Session) -> None:
    root, user = with_users(s)
    s.gateway("/v3/kv/range", A)
    for token in (root, user):
        for value in (token, f"Bearer {token}", f"bearer {token}", f"{token} "):
            s.gateway("/v3/kv/range", A, ("Authorization", value))
        s.gateway("/v3/kv/put", A, ("Authorization", token))


@scenario
def a_token_may_be_metadata_too(s: Session) -> None:
    root, user = with_users(s)
    s.gateway("/v3/kv/range", A, ("Grpc-Metadata-Token", user))
    s.gateway("/v3/kv/range", A, ("Grpc-Metadata-Token", "x"), ("Authorization", root))
    s.gateway("/v3/kv/range", A, ("token", user))
    s.gateway("/v3/kv/range", A, ("Grpc-Metadata-Authorization", user))


@scenario
def who_may_not_is_told_so_with_the_codes_of_http(s: Session) -> None:
    _, user = with_users(s)
    for headers in ((), (("Authorization", user),), (("Authorization", "nope"),)):
        s.gateway("/v3/kv/put", A, *headers)
        s.gateway("/v3/kv/range", '{"key":"Yg=="}', *headers)
        s.gateway("/v3/auth/user/list", "{}", *headers)
        s.gateway("/v3/kv/compaction", '{"revision":1}', *headers)
        s.gateway("/v3/lease/grant", '{"TTL":100,"ID":7}', *headers)
    s.gateway("/v3/auth/authenticate", '{"name":"u","password":"wrong"}')


@scenario
def a_stream_of_who_may_not_is_refused_in_a_line(s: Session) -> None:
    root, user = with_users(s)
    watch = '{"create_request":{"key":"Yg=="}}'
    for headers in ((), (("Authorization", user),), (("Authorization", "nope"),)):
        s.gateway("/v3/watch", watch, *headers, lines=1)
        s.gateway("/v3/lease/keepalive", '{"ID":7}', *headers, lines=1)
    s.gateway("/v3/watch", watch, ("Authorization", root), lines=1)


@scenario
def a_websocket_has_its_token_in_the_protocol_or_in_a_cookie(s: Session) -> None:
    _, user = with_users(s)
    watch = b'{"create_request":{"key":"YQ=="}}'
    for headers in (
        (),
        (("Sec-WebSocket-Protocol", f"Bearer, {user}"),),
        (("Sec-WebSocket-Protocol", f"Bearer,{user} "),),
        (("Sec-WebSocket-Protocol", user),),
        (("Cookie", f"a=b; token={user}"),),
        (("Cookie", f"token={user}"), ("Sec-WebSocket-Protocol", "Bearer, nope")),
        (("Authorization", user),),
    ):
        s.websocket("/v3/watch", frame(watch), headers=headers, answers=0)
