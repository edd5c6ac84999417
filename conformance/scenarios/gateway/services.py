"""Every other route, with answers that do not depend on where the server listens."""

from __future__ import annotations

from ...scenario import scenario
from ...session import Session
from ...targets import ROOT_PASSWORD


@scenario
def users_are_managed_by_json(s: Session) -> None:
    for path, body in (
        ("user/add", '{"name":"u","password":"p"}'),
        ("user/add", '{"name":"n","options":{"no_password":true}}'),
        ("user/add", '{"name":"u","password":"p"}'),
        ("role/add", '{"name":"r"}'),
        ("user/grant", '{"user":"u","role":"r"}'),
        ("user/get", '{"name":"u"}'),
        ("user/list", "{}"),
        ("user/changepw", '{"name":"u","password":"q"}'),
        ("user/revoke", '{"name":"u","role":"r"}'),
        ("user/revoke", '{"name":"u","role":"r"}'),
        ("user/delete", '{"user":"u"}'),
        ("user/delete", '{"name":"u"}'),
        ("role/grant", '{"name":"r","perm":{"permType":"WRITE","key":"YQ=="}}'),
        ("role/revoke", '{"role":"r","key":"YQ=="}'),
        ("role/revoke", '{"role":"r","key":"YQ=="}'),
        ("role/delete", '{"role":"r"}'),
        ("role/list", "{}"),
    ):
        s.gateway(f"/v3/auth/{path}", body)


@scenario
def auth_is_switched_on_and_off_by_json(s: Session) -> None:
    s.gateway("/v3/auth/user/add", f'{{"name":"root","password":"{ROOT_PASSWORD}"}}')
    s.gateway("/v3/auth/user/grant", '{"user":"root","role":"root"}')
    s.gateway("/v3/auth/enable")
    s.gateway("/v3/cluster/member/list")
    s.gateway("/v3/auth/disable")
    token = s.gateway_token("root", ROOT_PASSWORD)
    s.gateway("/v3/auth/disable", "", ("Authorization", token))
    s.gateway("/v3/auth/status")


@scenario
def what_is_no_member_is_not_changed(s: Session) -> None:
    s.gateway("/v3/cluster/member/add", '{"peerURLs":["nope"]}')
    s.gateway("/v3/cluster/member/remove", '{"ID":"7"}')
    s.gateway("/v3/cluster/member/update", '{"ID":7,"peer_ur_ls":[],"peerURLs":["http://a:1"]}')
    s.gateway("/v3/cluster/member/promote", '{"ID":"7"}')


@scenario(needs_fresh_server=True)
def maintenance_is_asked_by_json(s: Session) -> None:
    s.put(key=b"a", value=b"1")
    s.gateway("/v3/maintenance/hashkv", f'{{"revision":"{s.at(2)}"}}')
    s.gateway("/v3/maintenance/hashkv", f'{{"revision":{s.at(99)}}}')
    s.gateway("/v3/maintenance/hash")
    s.gateway("/v3/maintenance/status")
    s.gateway("/v3/maintenance/defragment")
    s.gateway("/v3/maintenance/transfer-leadership", '{"targetID":"7"}')
    s.gateway("/v3/maintenance/downgrade", '{"action":"VALIDATE","version":"3.6.0"}')
    s.gateway("/v3/maintenance/downgrade", '{"action":1,"version":"nope"}')
    s.gateway("/v3/maintenance/alarm", '{"action":"ACTIVATE","alarm":"NOSPACE"}')
    s.gateway("/v3/kv/put", '{"key":"YQ==","value":"MQ=="}')
    s.gateway("/v3/maintenance/alarm", '{"action":"DEACTIVATE","alarm":"NOSPACE"}')


@scenario
def a_lock_is_had_and_waited_for(s: Session) -> None:
    for id in (7587, 7588):
        s.gateway("/v3/lease/grant", f'{{"TTL":"100","ID":"{id}"}}')
    s.gateway("/v3/lock/lock", '{"name":"bA==","lease":"7587"}')
    s.gateway("/v3/lock/lock", '{"name":"bA==","lease":7587}')
    s.gateway("/v3/lock/lock", '{"name":"bA==","lease":"77"}')
    s.gateway("/v3/lock/unlock", '{"key":"bC8xZGEz"}')
    s.gateway("/v3/lock/lock", '{"name":"bA==","lease":7588}')
    s.gateway("/v3/lock/unlock", '{"key":""}')


@scenario
def an_election_is_held_by_json(s: Session) -> None:
    s.gateway("/v3/election/leader", '{"name":"ZQ=="}')
    s.gateway("/v3/lease/grant", '{"TTL":"100","ID":"7587"}')
    s.gateway("/v3/election/campaign", '{"name":"ZQ==","lease":"7587","value":"MQ=="}')
    s.gateway("/v3/election/leader", '{"name":"ZQ=="}')
    s.gateway("/v3/election/observe", '{"name":"ZQ=="}', lines=1)
    key = f'"leader":{{"name":"ZQ==","key":"ZS8xZGEz","rev":"{s.at(2)}","lease":"7587"}}'
    s.gateway("/v3/election/proclaim", f'{{{key},"value":"Mg=="}}')
    s.gateway("/v3/election/proclaim", '{"value":"Mg=="}')
    s.gateway("/v3/election/observe", '{"name":"ZQ=="}', lines=1)
    s.gateway("/v3/election/resign", f"{{{key}}}")
    s.gateway("/v3/election/leader", '{"name":"ZQ=="}')
    s.gateway("/v3/election/campaign", '{"name":"ZQ==","lease":"77"}')
    s.gateway("/v3/election/resign", "{}")
