"""What a scenario is given: connections to a server, and nothing of the server's inside.

Whatever passes over them goes into the scenario's transcript.
"""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

from . import by_hand, gateway, normal_form
from .connection import CALL_SECONDS, Connection
from .dialogue import Dialogue, Pairs
from .transcript import Field, Transcript, quote


class Session(Connection):
    """A server's first connection, and the way to more of them.

    Args:
        url: where the server is, "http://127.0.0.1:2379".
        base: how many revisions there were before the scenario; 0 on a server that is new.
        auth_base: likewise of the store of users and roles.
    """

    def __init__(self, url: str, base: int = 0, auth_base: int = 0) -> None:
        self._url = url
        self.base = base
        self.auth_base = auth_base
        self._more: list[Connection] = []
        super().__init__(url, Dialogue(base, auth_base))

    def at(self, revision: int) -> int:
        """The revision to ask for where a server that is new would be asked for `revision`.

        The first write makes 2. What a scenario says in revisions goes through this, so that it
        holds on a server with a history as well. 0, negative and huge ones stay as they are.
        """
        return normal_form.shifted(revision, self.base)

    def connect(self) -> Connection:
        """Another connection to the same server."""
        label = f"connection#{len(self._more) + 2} "
        self._more.append(Connection(self._url, self._dialogue, label))
        return self._more[-1]

    def http(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Pairs = (),
        *,
        shows_body: bool = True,
    ) -> bytes:
        """A request over HTTP/1.1, on a connection of its own; gives the answer's body.

        Args:
            method, target, body, headers: of the request.
            shows_body: whether the answer's is written down, and not only whether there is one.
        """
        headers = tuple(headers)
        fields = [Field("body", quote(body))] if body else []
        self._dialogue.did(
            f"HTTP/1.1 {method} {quote(target.encode())}",
            [*fields, *self._dialogue.pairs("header", headers)],
        )
        parts = urlsplit(self._url)
        assert parts.hostname is not None, f"{self._url} has a host"
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=CALL_SECONDS)
        try:
            connection.request(method, target, body, dict(headers))
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        fields = list(self._dialogue.pairs("header", by_hand.comparable(response.getheaders())))
        is_shown = shows_body or not answer
        fields.append(
            Field("body", quote(normal_form.data(answer)) if is_shown else normal_form.SOME_BYTES)
        )
        self._dialogue.came(f"{response.status} {quote(response.reason.encode())}", fields)
        return answer

    def gateway(
        self,
        target: str,
        body: str | bytes = b"",
        *headers: tuple[str, str],
        method: str = "POST",
        lines: int | None = None,
        version: str = "1.1",
        pieces: tuple[bytes, ...] = (),
    ) -> None:
        """A request to the JSON gateway, written byte by byte, on a connection of its own.

        Args:
            body: text is sent as UTF-8.
            headers: beside Host and Content-Length, which they may replace.
            lines: of an answer in chunks, how many are waited for; None: until the end, or until
                nothing comes any more.
            version: of HTTP.
            pieces: instead of `body`: what each of its chunks carries.
        """
        sent = body.encode() if isinstance(body, str) else body
        gateway.request(
            self._url, self._dialogue, method, target, sent, headers, lines, version, pieces
        )

    def gateway_token(self, user: str, password: str) -> str:
        """A token that the gateway gives; it has a name in the transcript."""
        body = json.dumps({"name": user, "password": password}).encode()
        return gateway.token(self._url, self._dialogue, body)

    def websocket(
        self,
        target: str,
        *frames: bytes,
        headers: tuple[tuple[str, str], ...] = (),
        answers: int | None = None,
    ) -> None:
        """A websocket of the gateway's; an answer is waited for behind each of the frames.

        Args:
            frames: bytes of one frame, or of several of which only the last has an answer.
            headers: beside, or instead of, those that make it a websocket.
            answers: 0: no more of them are waited for at the end; None: until nothing comes.
        """
        gateway.websocket(self._url, self._dialogue, target, frames, headers, answers)

    def grpc_by_hand(
        self, name: str, *data: bytes, headers: Pairs = (), without: tuple[str, ...] = ()
    ) -> None:
        """A call written frame by frame over HTTP/2, on a connection of its own.

        Args:
            name: "KV/Put", or a path that begins with a slash.
            data: what each DATA frame carries; the last one ends the stream. None: HEADERS end it.
            headers: instead of, or beside, those that a gRPC client sends.
            without: names of such headers that are not sent.
        """
        by_hand.call(self._url, self._dialogue, name, data, tuple(headers), without)

    def transcript(self, sentence: str) -> Transcript:
        """All that was said so far."""
        return self._dialogue.transcript(sentence)

    def close(self) -> None:
        """End all connections."""
        for connection in self._more:
            connection.close()
        super().close()
