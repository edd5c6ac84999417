"""What a session writes down of its connections, whatever the server does."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator

import grpc
import pytest

from conformance import connection, keys
from conformance.session import Session
from fake_etcd.api import messages as m
from fake_etcd.cli import background

from .made_up import HEADER, said, session
from .strange import GrpcMethod, grpc_server, tcp_server

RANGE = "/etcdserverpb.KV/Range"
WATCH = "/etcdserverpb.Watch/Watch"


# gRPC


def test_a_call_is_its_request_its_answer_and_its_status(s: Session) -> None:
    assert s.put(key=b"a", value=b"1").header.revision == 2
    assert said(s) == f'> KV/Put key: "a" value: "1"\n< PutResponse {HEADER % 2}\n= OK\n'


def test_a_refused_call_is_its_status_and_gives_an_empty_answer(s: Session) -> None:
    assert s.put(value=b"1") == m.PutResponse()
    assert said(s) == (
        '> KV/Put value: "1"\n= INVALID_ARGUMENT "etcdserver: key is not provided"\n'
    )


def test_each_method_of_kv_has_a_short_form_by_fields_or_by_message(s: Session) -> None:
    put = m.PutRequest(key=b"a")
    op = m.RequestOp(request_put=m.PutRequest(key=b"b"))
    assert [s.put(put), s.put(key=b"a")] == [
        m.PutResponse(header=_header(revision)) for revision in (2, 3)
    ]
    assert [s.txn(m.TxnRequest(success=[op])), s.txn(success=[op])] == [
        m.TxnResponse(
            header=_header(revision),
            succeeded=True,
            responses=[
                m.ResponseOp(response_put=m.PutResponse(header=m.ResponseHeader(revision=revision)))
            ],
        )
        for revision in (4, 5)
    ]
    assert s.range(m.RangeRequest(key=b"a")) == s.range(key=b"a")
    assert s.range_stream(m.RangeRequest(key=b"a")) == s.range_stream(key=b"a")
    assert len(s.range_stream(key=b"a")) == 1
    assert s.delete_range(m.DeleteRangeRequest(key=b"a")).deleted == 1
    assert s.delete_range(key=b"a").deleted == 0
    assert s.compact(m.CompactionRequest(revision=3)) == m.CompactionResponse(header=_header(6))
    assert s.compact(revision=4) == m.CompactionResponse(header=_header(6))
    heads = [line for line in said(s).splitlines() if line.startswith(">")]
    assert [head.split()[1] for head in heads] == (
        ["KV/Put"] * 2 + ["KV/Txn"] * 2 + ["KV/Range"] * 2 + ["KV/RangeStream"] * 3
    ) + ["KV/DeleteRange"] * 2 + ["KV/Compact"] * 2


def _header(revision: int) -> m.ResponseHeader:
    with background.serve() as url, session(url) as s:
        header = s.range(key=b"a").header
    header.revision = revision
    return header


def test_bytes_may_be_sent_in_place_of_a_message(s: Session) -> None:
    s.call("KV/Range", b"\xff")
    assert s.call("KV/Range", b"\n\x01a") != m.RangeResponse()
    assert said(s) == (
        '> KV/Range bytes: "\\xff"\n'
        '= INTERNAL "grpc: error unmarshalling request: proto: cannot parse invalid wire-format '
        'data"\n\n'
        f'> KV/Range bytes: "\\n\\x01a"\n< RangeResponse {HEADER % 1}\n= OK\n'
    )


def test_metadata_is_part_of_what_was_asked(s: Session) -> None:
    s.call("KV/Range", m.RangeRequest(key=b"a"), [("x", "1"), ("y-bin", b"\0")])
    assert said(s).splitlines()[0] == (
        '> KV/Range key: "a" metadata { key: "x" value: "1" } '
        'metadata { key: "y-bin" value: "\\x00" }'
    )


def test_a_path_that_is_no_methods_can_be_called(s: Session) -> None:
    s.path_call("/a.B/C", b"x")
    assert said(s) == '> /a.B/C bytes: "x"\n= UNIMPLEMENTED "unknown service a.B"\n'


def test_a_name_that_is_no_methods_is_the_scenarios_mistake(s: Session) -> None:
    with pytest.raises(KeyError):
        s.call("KV/Nope", b"")


def test_a_second_connection_has_its_number_in_all_it_says(s: Session) -> None:
    s.put(key=b"a")
    s.connect().range(key=b"a", count_only=True)
    s.connect().call("Lease/LeaseRevoke", b"")
    assert said(s) == (
        f'> KV/Put key: "a"\n< PutResponse {HEADER % 2}\n= OK\n\n'
        '> connection#2 KV/Range key: "a" count_only: true\n'
        f"< connection#2 RangeResponse\n    {HEADER % 2}\n    count: 1\n"
        "= connection#2 OK\n\n"
        '> connection#3 Lease/LeaseRevoke bytes: ""\n'
        '= connection#3 NOT_FOUND "etcdserver: requested lease not found"\n'
    )


def test_on_a_server_with_a_history_revisions_are_counted_from_the_base() -> None:
    with background.serve() as url:
        with session(url) as before:
            for _ in range(9):
                before.put(key=b"x")
        with session(url, base=9) as s:
            s.put(key=b"a")
            assert s.at(2) == 11
            s.range(key=b"a", revision=s.at(2), count_only=True)
            assert said(s) == (
                f'> KV/Put key: "a"\n< PutResponse {HEADER % 2}\n= OK\n\n'
                '> KV/Range key: "a" revision: 2 count_only: true\n'
                f"< RangeResponse\n    {HEADER % 2}\n    count: 1\n= OK\n"
            )


# In somebody's name


def with_root(s: Session) -> None:
    """A server that asks who it is, and knows root alone."""
    s.call("Auth/UserAdd", m.AuthUserAddRequest(name="root", password="pw"))
    s.call("Auth/UserGrantRole", m.AuthUserGrantRoleRequest(user="root", role="root"))
    s.call("Auth/AuthEnable", m.AuthEnableRequest())


def test_who_logs_in_calls_with_a_token_from_then_on_and_others_do_not(s: Session) -> None:
    with_root(s)
    root = s.log_in("root", "pw")
    assert root.put(key=b"a").header.revision == 2
    assert s.put(key=b"a") == m.PutResponse()
    assert (len(root.token.partition(".")[0]), s.token) == (16, "")
    _, begin, rest = said(s).partition("> Auth/Authenticate")
    assert begin + rest == (
        '> Auth/Authenticate name: "root" password: "pw"\n'
        f'< AuthenticateResponse\n    {HEADER % 1}\n    token: "token#1"\n= OK\n\n'
        '> KV/Put key: "a" metadata { key: "token" value: "token#1" }\n'
        f"< PutResponse {HEADER % 2}\n= OK\n\n"
        '> KV/Put key: "a"\n= INVALID_ARGUMENT "etcdserver: user name is empty"\n'
    )


def test_who_is_refused_goes_on_without_a_token(s: Session) -> None:
    assert s.log_in("root", "pw") is s
    assert said(s) == (
        '> Auth/Authenticate name: "root" password: "pw"\n'
        '= FAILED_PRECONDITION "etcdserver: authentication is not enabled"\n'
    )


def test_metadata_of_a_caller_goes_along_before_that_of_a_call_on_streams_as_well(
    s: Session,
) -> None:
    both = s.with_metadata(("x", "1")).with_metadata(("y", "2"))
    both.call("KV/Range", m.RangeRequest(key=b"a"), [("z", "3")])
    both.repeat(2, "KV/Range", m.RangeRequest(key=b"a"))
    both.path_call("/a.B/C", b"")
    both.open("Watch/Watch", [("z", "3")]).cancel()
    s.open("Watch/Watch").cancel()
    pairs = [re.findall(r'key: "(.)" value: "(.)"', part) for part in said(s).split("\n\n")]
    two = [("x", "1"), ("y", "2")]
    assert pairs == [[*two, ("z", "3")], two, two, [*two, ("z", "3")], [], [], []]


def test_a_token_has_its_name_in_whatever_is_sent(s: Session) -> None:
    with_root(s)
    root = s.log_in("root", "pw")
    s.with_metadata(("authorization", f"Bearer {root.token}")).range(key=b"a")
    made = s.name_token("eyJ.e30.x", "made-up")
    s.with_metadata(("token", made)).range(key=b"a")
    stream = root.open("Watch/Watch")
    stream.cancel()
    s.http("GET", "/health", headers=[("authorization", root.token)])
    s.grpc_by_hand("KV/Range", headers=[("token", root.token)])
    words = re.findall(r'key: "(?:token|authorization)" value: "(.*)"', said(s))
    assert words == ["Bearer token#1", "token#made-up", "token#1", "token#1", "token#1"]
    assert root.token not in said(s)


def test_what_a_json_web_token_says_is_read_but_for_its_time(s: Session) -> None:
    s.read_token("abc.1")
    s.read_token(keys.signed({"exp": 17, "username": "é", "revision": 3}))
    assert said(s) == (
        "It.\n< token\n"
        '    head { key: "alg" json: "\\"HS256\\"" }\n'
        '    head { key: "typ" json: "\\"JWT\\"" }\n'
        '    claim { key: "exp" json: <seconds> }\n'
        '    claim { key: "username" json: "\\"\\\\u00e9\\"" }\n'
        '    claim { key: "revision" json: "3" }\n'
    )


# gRPC servers that are strange


def run(method: GrpcMethod, path: str = RANGE) -> str:
    with grpc_server({path: method}) as url, session(url) as s:
        s.call("KV/Range", m.RangeRequest(key=b"a"))
        return said(s)


def test_every_answer_of_a_method_that_should_have_one_is_shown() -> None:
    def two(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        yield b"\x20\x01"
        yield b"\xff"

    assert run(two) == (
        '> KV/Range key: "a"\n< RangeResponse count: 1\n'
        '< RangeResponse undecodable: "\\xff"\n= OK\n'
    )


def test_an_answer_before_a_failure_is_shown_and_none_is_none() -> None:
    def fails(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        yield b""
        context.abort(grpc.StatusCode.DATA_LOSS, 'é "')

    assert run(fails) == '> KV/Range key: "a"\n< RangeResponse\n= DATA_LOSS "\\xc3\\xa9 \\""\n'
    assert run(lambda requests, context: iter(())) == '> KV/Range key: "a"\n= OK\n'


def test_metadata_beside_the_answers_is_shown_before_that_beside_the_status() -> None:
    def method(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        context.set_trailing_metadata((("after", "2"),))
        context.send_initial_metadata((("before-bin", b"\1"),))
        return iter(())

    assert run(method) == (
        '> KV/Range key: "a"\n'
        '= OK metadata { key: "before-bin" value: "\\x01" } metadata { key: "after" value: "2" }\n'
    )


def test_a_server_that_says_nothing_is_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CALL_SECONDS", 0.05)
    over = threading.Event()

    def hangs(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        context.add_callback(over.set)
        over.wait()
        return iter(())

    request, status = run(hangs).splitlines()
    assert request == '> KV/Range key: "a"'
    # The text is grpcio's own, in one of two forms.
    assert re.fullmatch('= DEADLINE_EXCEEDED ".*Deadline Exceeded.*"', status)


# Streams


def echo(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
    """Watch: an answer to each request, with the watch's number."""
    for number, _ in enumerate(requests):
        yield m.WatchResponse(watch_id=number, created=True).SerializeToString()
    context.set_details("bye")
    context.set_code(grpc.StatusCode.ABORTED)


def test_a_stream_is_written_down_step_by_step() -> None:
    create = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a"))
    with grpc_server({WATCH: echo}) as url, session(url) as s:
        stream = s.open("Watch/Watch")
        stream.send(create)
        assert stream.receive() == m.WatchResponse(created=True)
        stream.send(b"\xff")
        assert stream.receive() == m.WatchResponse(created=True, watch_id=1)
        stream.half_close()
        assert stream.receive() == m.WatchResponse()
        first, *rest = said(s).splitlines()
        assert first.startswith("> stream#1 open Watch/Watch")
        assert rest == [
            "",
            '> stream#1 WatchRequest create_request { key: "a" }',
            "< stream#1 WatchResponse created: true",
            "",
            '> stream#1 bytes bytes: "\\xff"',
            "< stream#1 WatchResponse watch_id: 1 created: true",
            "",
            "> stream#1 half-close",
            '= stream#1 ABORTED "bye"',
        ]


def test_streams_of_a_connection_have_numbers_and_can_be_cancelled() -> None:
    with grpc_server({WATCH: echo}) as url, session(url) as s:
        s.open("Watch/Watch")
        s.open("Watch/Watch").cancel()
        stream = s.connect().open("Watch/Watch")
        stream.cancel()
        stream.receive()
        lines = [line for line in said(s).splitlines() if line and " open " not in line]
        assert lines == [
            "> stream#2 cancel",
            "> connection#2 stream#1 cancel",
            '= connection#2 stream#1 CANCELLED "Locally cancelled by application!"',
        ]


def test_only_a_bidirectional_method_can_be_opened(s: Session) -> None:
    with pytest.raises(AssertionError, match="KV/Range is no bidirectional stream"):
        s.open("KV/Range")


# HTTP/1.1


def test_an_http_request_is_written_down_with_its_answer() -> None:
    got: list[bytes] = []

    def serve(client: socket.socket) -> None:
        got.append(client.recv(2**16))
        client.sendall(
            b"HTTP/1.1 404 Not \xe9\r\nB: 2\r\nDate: today\r\nA: 1\r\nContent-Length: 3\r\n\r\na\0b"
        )

    with tcp_server(serve) as url, session(url) as s:
        assert s.http("POST", "/x?y", b"body", [("z", "1")]) == b"a\0b"
        assert said(s) == (
            '> HTTP/1.1 POST "/x?y" body: "body" header { key: "z" value: "1" }\n'
            '< 404 "Not \\xc3\\xa9"\n'
            '    header { key: "A" value: "1" }\n'
            '    header { key: "B" value: "2" }\n'
            '    header { key: "Content-Length" value: "3" }\n'
            '    header { key: "Date" value: "<date>" }\n'
            '    body: "a\\x00b"\n'
        )
    start, *headers = got[0].removesuffix(b"\r\n\r\nbody").split(b"\r\n")
    assert start == b"POST /x?y HTTP/1.1"
    assert b"z: 1" in headers


def test_a_get_has_no_body(s: Session) -> None:
    s.http("GET", "/nope")
    lines = said(s).splitlines()
    assert (lines[0], lines[1], lines[-1]) == (
        '> HTTP/1.1 GET "/nope"',
        '< 404 "Not Found"',
        '    body: "404 page not found\\n"',
    )
