"""Where an HTTP/1.1 request ends, and what becomes of those that leave it open.

Each case is what a client sends and how etcd 3.7.3 answers it: the statuses, and "close" with each
that ends the connection. Behind each comes `PROBE`, whose 404 is the last status where the
connection was still there, and then nothing more: the client has closed its half. Recorded from
etcd; `tests/interop/test_framing_like_etcd.py` compares its answers with ours, whole.
"""

from __future__ import annotations

import re

from .wire import HELLO as PREFACE

PROBE = b"GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n"
HOST = b"Host: a"
CHUNKED = b"Transfer-Encoding: chunked"
POST = b"POST /version HTTP/1.1"


def head(*fields: bytes, line: bytes = b"GET /version HTTP/1.1") -> bytes:
    return b"\r\n".join((line, *fields)) + b"\r\n\r\n"


def chunked(body: bytes, *fields: bytes) -> bytes:
    return head(HOST, CHUNKED, *fields, line=POST) + body


def outcome(answer: bytes) -> str:
    """The statuses of all responses, each with "close" where it says so."""
    told = []
    for response in re.split(rb"(?=HTTP/1\.)", answer)[1:]:
        closes = re.search(rb"(?m)^Connection: close", response)
        told.append(response[9:12].decode() + (" close" if closes else ""))
    return ", ".join(told)


CASES: dict[str, tuple[bytes, str]] = {
    "plain": (head(HOST), "200, 404"),
    "obs-fold space": (head(HOST, b"X: one", b" two"), "200, 404"),
    "obs-fold tab": (head(HOST, b"X: one", b"\ttwo"), "200, 404"),
    "obs-fold first line": (head(b" X: one", HOST), "400 close"),
    "obs-fold of host": (head(HOST, b" b"), "400 close"),
    "obs-fold of TE": (
        head(HOST, b"Transfer-Encoding:", b" chunked", line=POST) + b"0\r\n\r\n",
        "405, 404",
    ),
    "obs-fold of CL": (
        head(HOST, b"Content-Length: 1", b" 0", line=POST) + b"0123456789",
        "400 close",
    ),
    "bare LF head": (b"GET /version HTTP/1.1\nHost: a\n\n", "200, 404"),
    "bare LF one line": (b"GET /version HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "200, 404"),
    "bare LF end": (b"GET /version HTTP/1.1\r\nHost: a\r\n\n", "200, 404"),
    "bare CR in value": (head(HOST, b"X: a\rb"), "400 close"),
    "bare CR as end": (b"GET /version HTTP/1.1\rHost: a\r\r", ""),
    "bare CR in line": (b"GET /hea\rlth HTTP/1.1\r\nHost: a\r\n\r\n", "400 close"),
    "CR CR LF": (b"GET /version HTTP/1.1\r\nHost: a\r\r\n\r\n", "400 close"),
    "CR CR LF line": (b"GET /version HTTP/1.1\r\r\nHost: a\r\n\r\n", ""),
    "NUL value": (head(HOST, b"X: a\0b"), "400 close"),
    "NUL name": (head(HOST, b"X\0: ab"), "400 close"),
    "no colon": (head(HOST, b"Xab"), "400 close"),
    "empty name": (head(HOST, b": ab"), "400 close"),
    "space before colon": (head(HOST, b"X : ab"), "400 close"),
    "space before TE colon": (
        head(HOST, b"Transfer-Encoding : chunked", line=POST) + b"0\r\n\r\n",
        "400 close",
    ),
    "vtab TE": (
        head(HOST, b"Transfer-Encoding: \x0bchunked", line=POST) + b"0\r\n\r\n",
        "400 close",
    ),
    "ff TE": (head(HOST, b"Transfer-Encoding: chunked\x0c", line=POST) + b"0\r\n\r\n", "400 close"),
    "quoted TE": (
        head(HOST, b'Transfer-Encoding: "chunked"', line=POST) + b"0\r\n\r\n",
        "501 close",
    ),
    "TE caps": (head(HOST, b"TRANSFER-ENCODING: CHUNKED", line=POST) + b"0\r\n\r\n", "405, 404"),
    "TE trailing space": (
        head(HOST, b"Transfer-Encoding: chunked ", line=POST) + b"0\r\n\r\n",
        "405, 404",
    ),
    "TE empty": (head(HOST, b"Transfer-Encoding:", line=POST), "501 close"),
    "TE identity": (head(HOST, b"Transfer-Encoding: identity", line=POST), "501 close"),
    "TE gzip, chunked": (
        head(HOST, b"Transfer-Encoding: gzip, chunked", line=POST) + b"0\r\n\r\n",
        "501 close",
    ),
    "TE chunked, chunked": (
        head(HOST, b"Transfer-Encoding: chunked, chunked", line=POST) + b"0\r\n\r\n",
        "501 close",
    ),
    "TE twice": (head(HOST, CHUNKED, CHUNKED, line=POST) + b"0\r\n\r\n", "501 close"),
    "TE twice other": (
        head(HOST, CHUNKED, b"Transfer-Encoding: identity", line=POST) + b"0\r\n\r\n",
        "501 close",
    ),
    "TE in 1.0": (
        head(HOST, CHUNKED, b"Connection: keep-alive", line=b"POST /version HTTP/1.0")
        + b"0\r\n\r\n",
        "405, 400 close",
    ),
    "TE on GET": (head(HOST, CHUNKED) + b"0\r\n\r\n", "200, 404"),
    "TE+CL": (chunked(b"0\r\n\r\n", b"Content-Length: 5"), "405, 404"),
    "TE+CL shorter": (chunked(b"0\r\n\r\n", b"Content-Length: 3"), "405, 404"),
    "CL+TE": (head(HOST, b"Content-Length: 5", CHUNKED, line=POST) + b"0\r\n\r\n", "405, 404"),
    "TE+bad CL": (chunked(b"0\r\n\r\n", b"Content-Length: x"), "400 close"),
    "TE+2 CL": (chunked(b"0\r\n\r\n", b"Content-Length: 1", b"Content-Length: 2"), "400 close"),
    "TE chunked + CL with body": (
        chunked(b"5\r\nhello\r\n0\r\n\r\n", b"Content-Length: 50"),
        "405, 404",
    ),
    "CL same twice": (
        head(HOST, b"Content-Length: 2", b"Content-Length: 2", line=POST) + b"xx",
        "405, 404",
    ),
    "CL differ": (
        head(HOST, b"Content-Length: 2", b"Content-Length: 3", line=POST) + b"xx",
        "400 close",
    ),
    "CL list same": (head(HOST, b"Content-Length: 2, 2", line=POST) + b"xx", "400 close"),
    "CL list differ": (head(HOST, b"Content-Length: 2, 3", line=POST) + b"xx", "400 close"),
    "CL plus": (head(HOST, b"Content-Length: +2", line=POST) + b"xx", "400 close"),
    "CL minus": (head(HOST, b"Content-Length: -2", line=POST) + b"xx", "400 close"),
    "CL minus zero": (head(HOST, b"Content-Length: -0", line=POST), "400 close"),
    "CL hex": (head(HOST, b"Content-Length: 0x2", line=POST) + b"xx", "400 close"),
    "CL zeros": (head(HOST, b"Content-Length: 0002", line=POST) + b"xx", "405, 404"),
    "CL underscore": (head(HOST, b"Content-Length: 1_0", line=POST) + b"0123456789", "400 close"),
    "CL inner space": (head(HOST, b"Content-Length: 1 0", line=POST) + b"0123456789", "400 close"),
    "CL empty": (head(HOST, b"Content-Length:", line=POST), "400 close"),
    "CL empty twice": (
        head(HOST, b"Content-Length:", b"Content-Length: 2", line=POST) + b"xx",
        "400 close",
    ),
    "CL huge": (
        head(HOST, b"Content-Length: 99999999999999999999", line=POST) + b"xx",
        "400 close",
    ),
    "CL max": (head(HOST, b"Content-Length: 9223372036854775807", line=POST) + b"xx", "405 close"),
    "CL unicode digit": (head(HOST, "Content-Length: ٢".encode(), line=POST) + b"xx", "400 close"),
    "CL tab": (head(HOST, b"Content-Length:\t2\t", line=POST) + b"xx", "405, 404"),
    "CL vtab": (head(HOST, b"Content-Length: \x0b2", line=POST) + b"xx", "400 close"),
    "CL on GET": (head(HOST, b"Content-Length: 2") + b"xx", "200, 404"),
    "CL shorter than sent": (
        head(HOST, b"Content-Length: 2", line=POST) + b"xxGET /version HTTP/1.1\r\nHost: a\r\n\r\n",
        "405, 200, 404",
    ),
    "chunk": (chunked(b"5\r\nhello\r\n0\r\n\r\n"), "405, 404"),
    "chunk extension": (chunked(b"5;a=b\r\nhello\r\n0;c\r\n\r\n"), "405, 404"),
    "chunk extension quoted": (chunked(b'5;a="b;\\"c"\r\nhello\r\n0\r\n\r\n'), "405, 404"),
    "chunk extension quoted CRLF": (chunked(b'5;a="\r\n"\r\nhello\r\n0\r\n\r\n'), "405 close"),
    "chunk extension LF": (chunked(b"5;a\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk extension CR": (chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk extension NUL": (chunked(b"5;a\0b\r\nhello\r\n0\r\n\r\n"), "405, 404"),
    "chunk extension space": (chunked(b"5 ; a = b\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk extension 2000": (chunked(b"5;" + b"a" * 2000 + b"\r\nhello\r\n0\r\n\r\n"), "405, 404"),
    "chunk extension 5000": (chunked(b"5;" + b"a" * 5000 + b"\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk extensions 17K, many": (
        chunked((b"1;" + b"a" * 2000 + b"\r\nh\r\n") * 10 + b"0\r\n\r\n"),
        "405 close",
    ),
    "chunk extensions 15K, many": (
        chunked((b"1;" + b"a" * 2000 + b"\r\nh\r\n") * 7 + b"0\r\n\r\n"),
        "405, 404",
    ),
    "chunk size bare LF": (chunked(b"5\nhello\n0\n\n"), "405 close"),
    "chunk data bare LF": (chunked(b"5\r\nhello\n0\r\n\r\n"), "405 close"),
    "chunk size space": (chunked(b"5 \r\nhello\r\n0\r\n\r\n"), "405, 404"),
    "chunk size tab": (chunked(b"5\t\r\nhello\r\n0\r\n\r\n"), "405, 404"),
    "chunk size leading space": (chunked(b" 5\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk size plus": (chunked(b"+5\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk size 0x": (chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk size minus": (chunked(b"-5\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk size empty": (chunked(b"\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk size zeros": (chunked(b"0005\r\nhello\r\n000\r\n\r\n"), "405, 404"),
    "chunk size 16 digits": (chunked(b"0000000000000005\r\nhello\r\n0\r\n\r\n"), "405, 404"),
    "chunk size 17 digits": (chunked(b"00000000000000005\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk size 20 digits": (chunked(b"00000000000000000005\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk size 21 digits": (chunked(b"000000000000000000005\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk size huge": (chunked(b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk size 2**63": (chunked(b"8000000000000000\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk size underscore": (chunked(b"0_5\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk size too short": (chunked(b"4\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk size too long": (chunked(b"6\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk data no CRLF": (chunked(b"5\r\nhello0\r\n\r\n"), "405 close"),
    "chunk data CR": (chunked(b"5\r\nhello\r0\r\n\r\n"), "405 close"),
    "chunk size CR": (chunked(b"5\rhello\r\n0\r\n\r\n"), "405 close"),
    "chunk size CR CR LF": (chunked(b"5\r\r\nhello\r\n0\r\n\r\n"), "405 close"),
    "chunk upper": (chunked(b"A\r\n0123456789\r\n0\r\n\r\n"), "405, 404"),
    "last chunk no end": (chunked(b"0\r\n"), "405 close"),
    "trailers": (chunked(b"0\r\nX: y\r\n\r\n"), "405, 404"),
    "trailer host": (chunked(b"0\r\nHost: y\r\n\r\n"), "405, 404"),
    "trailer CL": (chunked(b"0\r\nContent-Length: 5\r\n\r\n"), "405, 404"),
    "trailer TE": (chunked(b"0\r\nTransfer-Encoding: chunked\r\n\r\n"), "405, 404"),
    "trailer bad": (chunked(b"0\r\nXy\r\n\r\n"), "405 close"),
    "trailer fold": (chunked(b"0\r\nX: y\r\n z\r\n\r\n"), "405, 404"),
    "trailer LF": (chunked(b"0\r\nX: y\n\n"), "405, 404"),
    "trailer space name": (chunked(b"0\r\nX : y\r\n\r\n"), "405, 404"),
    "trailer NUL": (chunked(b"0\r\nX: y\0\r\n\r\n"), "405 close"),
    "trailer 5000": (chunked(b"0\r\nX: " + b"y" * 5000 + b"\r\n\r\n"), "405 close"),
    "trailers many": (chunked(b"0\r\n" + b"X: y\r\n" * 2000 + b"\r\n"), "405 close"),
    "h2c upgrade": (
        head(
            HOST,
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        ),
        "200, 404",
    ),
    "h2c upgrade then preface": (
        head(
            HOST,
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        )
        + PREFACE,
        "200, 400 close",
    ),
    "preface in body": (
        head(HOST, b"Content-Length: %d" % len(PREFACE), line=POST) + PREFACE,
        "405, 404",
    ),
    "preface in chunked body": (
        chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (len(PREFACE), PREFACE)),
        "405, 404",
    ),
    "preface behind request": (head(HOST) + PREFACE, "200, 400 close"),
    "preface head behind request": (head(HOST) + b"PRI * HTTP/2.0\r\n\r\n", "200, 400 close"),
    "websocket": (
        head(
            HOST,
            b"Connection: Upgrade",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        "200, 404",
    ),
    "two hosts": (head(HOST, b"Host: b"), "400 close"),
    "no host": (head(), "400 close"),
    "empty host": (head(b"Host:"), "200, 404"),
    "bad host": (head(b"Host: a/b"), "400 close"),
    "host with space": (head(b"Host: a b"), "400 close"),
    "absolute": (head(HOST, line=b"GET http://b/version HTTP/1.1"), "200, 404"),
    "connect": (head(HOST, line=b"CONNECT a:1 HTTP/1.1"), "404, 404"),
    "trace": (head(HOST, line=b"TRACE /version HTTP/1.1"), "405, 404"),
    "lowercase method": (head(HOST, line=b"get /version HTTP/1.1"), "405, 404"),
    "two spaces": (head(HOST, line=b"GET  /version HTTP/1.1"), ""),
    "trailing space": (head(HOST, line=b"GET /version HTTP/1.1 "), ""),
    "tab line": (head(HOST, line=b"GET\t/version HTTP/1.1"), ""),
    "HTTP/1.2": (head(HOST, line=b"GET /version HTTP/1.2"), "200, 404"),
    "HTTP/2.0": (head(HOST, line=b"GET /version HTTP/2.0"), ""),
    "HTTP/0.9": (b"GET /version\r\n", ""),
    "http/1.1 lower": (head(HOST, line=b"GET /version http/1.1"), ""),
    "leading CRLF": (b"\r\n" + head(HOST), ""),
    "CRLF between": (head(HOST) + b"\r\n", "200, 400 close"),
    "CRLF behind post": (head(HOST, b"Content-Length: 2", line=POST) + b"xx\r\n", "405, 404"),
    "expect": (
        head(HOST, b"Expect: 100-continue", b"Content-Length: 2", line=POST) + b"xx",
        "405 close",
    ),
    "expect other": (
        head(HOST, b"Expect: x", b"Content-Length: 2", line=POST) + b"xx",
        "417 close",
    ),
    "five at once": (head(HOST) * 5, "200, 200, 200, 200, 200, 404"),
    "connection close": (head(HOST, b"Connection: close"), "200 close"),
    "1.0": (head(line=b"GET /version HTTP/1.0"), "200"),
    "1.0 keepalive": (head(b"Connection: keep-alive", line=b"GET /version HTTP/1.0"), "200, 404"),
    "header name UTF8": (head(HOST, "Ü: x".encode()), "400 close"),
    "header name paren": (head(HOST, b"X(: x"), "400 close"),
    "value 8bit": (head(HOST, b"X: \xff\xfe"), "200, 404"),
    "value DEL": (head(HOST, b"X: \x7f"), "400 close"),
    "target 8bit": (head(HOST, line=b"GET /h\xff HTTP/1.1"), "404, 404"),
    "target NUL": (head(HOST, line=b"GET /h\0 HTTP/1.1"), "400 close"),
    "target dots": (head(HOST, line=b"GET /a/../version HTTP/1.1"), "307, 404"),
    "target slashes": (head(HOST, line=b"GET //version HTTP/1.1"), "307, 404"),
    "target fragment": (head(HOST, line=b"GET /version#x HTTP/1.1"), "404, 404"),
    "half head": (b"GET /version HTTP/1.1\r\nHost: a\r\n", "400 close"),
}
