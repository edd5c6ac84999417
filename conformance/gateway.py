"""Requests to the JSON gateway, byte by byte, and the written form of their answers.

An answer is written down whole: status, every header, the body as it came but for what two equal
servers differ in. In a body that is an id, a revision or what else has a rule in `normal_form`,
wherever it stands in the JSON, and the space that Go's protojson puts behind commas in some builds.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import socket
import struct
from collections.abc import Iterator
from urllib.parse import urlsplit

from google.protobuf import json_format

from fake_etcd.api.methods import METHODS, Kind, Method
from fake_etcd.api.status import OK, Code, Status

from . import normal_form
from .connection import CALL_SECONDS
from .dialogue import Dialogue
from .normal_form import Names
from .transcript import Field, quote

SILENCE_SECONDS = 0.5
"""How long nothing has to come for a stream to have nothing more to say."""

_METHODS = {
    path: method
    for method in METHODS.values()
    if method.gateway is not None
    for path in (method.gateway, *method.gateway_aliases)
}
_NUMBER = re.compile(r'"(\w+)":(?:"(-?\d+)"|(-?\d+)(?=[,}\]]))')
_TOKEN = re.compile(r'"token":"([^"]+)"')
_LENGTH = "Content-Length"


def request(
    url: str,
    dialogue: Dialogue,
    method: str,
    target: str,
    body: bytes,
    headers: tuple[tuple[str, str], ...],
    lines: int | None,
    version: str,
    pieces: tuple[bytes, ...],
) -> None:
    """Send a request and write down what came; see `Session.gateway`."""
    fields = [Field("body", quote(dialogue.names.without_tokens(body)))] if body else []
    fields += [Field("piece", quote(piece)) for piece in pieces]
    head = f"HTTP/{version} {method} {quote(target.encode())}"
    dialogue.did(head, [*fields, *dialogue.pairs("header", headers)])
    names = [name.lower() for name, _ in headers]
    said = [] if "host" in names else [("Host", urlsplit(url).netloc)]
    said += headers
    if pieces:
        said.append(("Transfer-Encoding", "chunked"))
    elif "content-length" not in names:
        said.append((_LENGTH, str(len(body))))
    written = f"{method} {target} HTTP/{version}\r\n"
    written += "".join(f"{name}: {value}\r\n" for name, value in said) + "\r\n"
    with _connected(url) as connection:
        sent = written.encode("latin-1") + body
        for piece in pieces:
            sent += b"%x\r\n%b\r\n" % (len(piece), piece)
        if pieces:
            sent += b"0\r\n\r\n"
        connection.sendall(sent)
        _Answer(connection, dialogue, target).read(method, lines)


@contextlib.contextmanager
def _connected(url: str) -> Iterator[socket.socket]:
    parts = urlsplit(url)
    assert parts.port is not None, f"{url} has a port"
    with socket.create_connection((parts.hostname, parts.port), CALL_SECONDS) as connection:
        yield connection


class _Answer:
    """Reads one answer and writes it down."""

    def __init__(self, connection: socket.socket, dialogue: Dialogue, target: str) -> None:
        self._connection = connection
        self._dialogue = dialogue
        self._path = target.partition("?")[0].replace("/v3beta/", "/v3/", 1)
        self._buffer = b""
        self._patience = CALL_SECONDS
        self._is_over = False

    def read(self, method: str, lines: int | None) -> None:
        called = _METHODS.get(self._path)
        if lines is None and called is not None and called.kind is not Kind.UNARY:
            self._patience = SILENCE_SECONDS
        head = self._until(b"\r\n\r\n")
        if head is None:
            self._dialogue.came("nothing", [])
            return
        status, *rest = head.decode("latin-1").split("\r\n")
        pairs = [_pair(line) for line in rest]
        said = {name.lower(): value for name, value in pairs}
        is_chunked = said.get("transfer-encoding") == "chunked"
        shown = list(
            self._dialogue.pairs("header", [(name, _shown(name, value)) for name, value in pairs])
        )
        if status.split(" ")[1] == "100":
            self._dialogue.came(status, shown)
            self.read(method, lines)
            return
        if not is_chunked:
            size = int(said.get("content-length", "-1"))
            body = b"" if method == "HEAD" else self._body(size)
            shown.append(Field("body", quote(self.comparable(body))))
            self._dialogue.came(status, shown)
            return
        self._dialogue.came(status, shown)
        found = 0
        while lines is None or found < lines:
            chunk = self._chunk()
            if not chunk:
                self._end(is_told=chunk is not None)
                return
            found += 1
            self._dialogue.came("chunk", [Field("data", quote(self.comparable(chunk)))])

    def _end(self, *, is_told: bool) -> None:
        """The last chunk, with the trailers behind it."""
        trailers = []
        while is_told and (line := self._until(b"\r\n")):
            trailers.append(_pair(line.decode("latin-1")))
        fields = list(self._dialogue.pairs("trailer", trailers))
        self._dialogue.came("the end" if is_told else "nothing more", fields)

    def token(self) -> str:
        """The token in the answer, which is all that is written down of it."""
        head = self._until(b"\r\n\r\n") or b""
        size = re.search(rb"Content-Length: ([0-9]+)", head)
        body = self._take(int(size[1])) if size is not None else b""
        self._dialogue.came("token", [Field("body", quote(self.comparable(body)))])
        found = _TOKEN.search(body.decode())
        return found[1] if found is not None else ""

    def comparable(self, body: bytes) -> bytes:
        """A body with what may differ replaced."""
        names = self._dialogue.names
        method = _METHODS.get(self._path)
        message = method.response.DESCRIPTOR.name if method is not None else ""
        return normal_form.data(_comparable(body, message, names))

    def _chunk(self) -> bytes | None:
        """One chunk, None where none comes."""
        size = self._until(b"\r\n")
        if size is None:
            return None
        length = int(size, 16)
        return self._take(length + 2)[:length] if length else b""

    def _body(self, size: int) -> bytes:
        return self._take(size) if size >= 0 else self._rest()

    def _until(self, end: bytes) -> bytes | None:
        while end not in self._buffer:
            if not self._more():
                return None
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size and self._more():
            pass
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _rest(self) -> bytes:
        while self._more():
            pass
        return self._buffer

    def _more(self) -> bool:
        self._connection.settimeout(self._patience)
        try:
            piece = self._connection.recv(65_536)
        except TimeoutError:
            return False
        except ConnectionResetError:  # it ended while frames were under way to it
            piece = b""
        self._buffer += piece
        self._is_over = not piece
        return bool(piece)


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip()


def _shown(name: str, value: str) -> str:
    if name == "Date":
        return "<date>"
    # Ids have more digits or fewer; whether there is a length is what matters.
    return "<length>" if name == _LENGTH else value


def _comparable(body: bytes, message: str, names: Names) -> bytes:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return body
    for token in _TOKEN.findall(text):
        names.name_token(token)
    of = "Member" if message.startswith("Member") else message

    def replaced(match: re.Match[str]) -> str:
        field, quoted, plain = match.groups()
        word = names.number(of, field, int(quoted or plain), sent=False)
        return f'"{field}":"{word}"' if quoted is not None else f'"{field}":{word}'

    text = _NUMBER.sub(replaced, text.replace('", "', '","').replace("}, {", "},{"))
    return names.without_tokens(text.encode())


def token(url: str, dialogue: Dialogue, body: bytes) -> str:
    """What Authenticate gives, written down as that; see `Session.gateway_token`."""
    target = "/v3/auth/authenticate"
    dialogue.did(f"HTTP/1.1 POST {quote(target.encode())}", [Field("body", quote(body))])
    with _connected(url) as connection:
        head = f"POST {target} HTTP/1.1\r\nHost: x\r\n{_LENGTH}: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        answer = _Answer(connection, dialogue, target)
        return answer.token()


# Websockets


def websocket(
    url: str,
    dialogue: Dialogue,
    target: str,
    frames: tuple[bytes, ...],
    headers: tuple[tuple[str, str], ...],
    answers: int | None,
) -> None:
    """Open a websocket, send frames and write down what came; see `Session.websocket`."""
    fields = [Field("frame", quote(frame)) for frame in frames]
    dialogue.did(
        f"websocket {quote(target.encode())}", [*fields, *dialogue.pairs("header", headers)]
    )
    key = base64.b64encode(bytes(16)).decode()
    said = [
        ("Host", urlsplit(url).netloc),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key),
    ]
    overridden = {name.lower() for name, _ in headers}
    said = [pair for pair in said if pair[0].lower() not in overridden]
    written = f"GET {target} HTTP/1.1\r\n"
    written += "".join(f"{name}: {value}\r\n" for name, value in [*said, *headers]) + "\r\n"
    with _connected(url) as connection:
        connection.sendall(written.encode("latin-1"))
        answer = _Frames(connection, dialogue, target)
        if not answer.opened():
            return
        for frame in frames:
            connection.sendall(frame)
            if not answer.frame():
                return
        answer.be_impatient()
        while answers is None and answer.frame():
            pass


class _Frames(_Answer):
    """Reads what comes by a websocket."""

    def opened(self) -> bool:
        """Whether there is one now; else the refusal is written down."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            self._dialogue.came("nothing", [])
            return False
        if not head.startswith(b"HTTP/1.1 101 "):
            self._buffer = head + b"\r\n\r\n" + self._buffer
            self.read("GET", None)
            return False
        status, *rest = head.decode("latin-1").split("\r\n")
        self._dialogue.came(status, list(self._dialogue.pairs("header", map(_pair, rest))))
        return True

    def be_impatient(self) -> None:
        """Nothing has to come any more."""
        self._patience = SILENCE_SECONDS

    def frame(self) -> bool:
        """Take a frame and write it down; False where none comes."""
        start = self._take(2)
        if len(start) < 2:
            self._dialogue.came("the end" if self._is_over else "nothing more", [])
            return False
        size = start[1]
        if size == 126:
            (size,) = struct.unpack(">H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._take(8))
        payload = self.comparable(self._take(size))
        self._dialogue.came(f"frame {start[0]:#x}", [Field("data", quote(payload))])
        return True


def frame(
    payload: bytes, opcode: int = 1, *, is_final: bool = True, is_masked: bool = True
) -> bytes:
    """A frame of a client's (RFC 6455 §5.2), of up to 125 bytes."""
    first = opcode | (0x80 if is_final else 0)
    if not is_masked:
        return bytes((first, len(payload))) + payload
    mask = bytes(4)  # which leaves all as it is, so that transcripts can be read
    return bytes((first, 0x80 | len(payload))) + mask + payload


class Caller:
    """Makes calls through the gateway, on one connection that stays.

    Args:
        url: the server's.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None, f"{url} has a host"
        self._connection = http.client.HTTPConnection(
            parts.hostname, parts.port, timeout=CALL_SECONDS
        )

    def close(self) -> None:
        self._connection.close()

    def is_there(self) -> bool:
        """Whether the server has a gateway; others that speak etcd's gRPC have none."""
        try:
            self._connection.request("POST", "/v3/kv/range", b"{}")
            response = self._connection.getresponse()
            return b'"code":' in response.read()
        except (http.client.HTTPException, OSError):
            self._connection.close()
            return False

    def call(self, method: Method, request: bytes, token: str | None) -> tuple[list[bytes], Status]:
        """One call, up to its first answer: that, encoded as over gRPC, and how the call ended."""
        assert method.gateway is not None, "the gateway has no route to it"
        message = method.request.FromString(request)
        content = json_format.MessageToJson(message, preserving_proto_field_name=True).encode()
        headers = {} if token is None else {"Authorization": token}
        self._connection.request("POST", method.gateway, content, headers)
        response = self._connection.getresponse()
        if method.kind is Kind.UNARY:
            return _outcome(method, response.status, response.read())
        line = response.readline()
        self._connection.close()  # with whatever more there would be
        if not line:
            return [], OK
        ((_, content),) = json.loads(line).items()
        return _outcome(method, response.status, json.dumps(content).encode())


def _outcome(method: Method, status: int, body: bytes) -> tuple[list[bytes], Status]:
    failure = json.loads(body)
    if status != http.HTTPStatus.OK or failure.keys() == {"code", "message"}:
        return [], Status(Code(failure["code"]), failure.get("message", ""))
    answer = json_format.Parse(body, method.response())
    return [answer.SerializeToString(deterministic=True)], OK
