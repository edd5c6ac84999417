"""A client of Kubernetes' API in plain Python: requests, lists page by page, watches.

One connection per client, one client per thread. Answers are JSON as they come.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

Json = dict[str, Any]

SECONDS = 60.0
"""Longest wait for the next bytes of an answer; nothing here comes near."""


class Refused(Exception):
    """An answer that is not 2xx.

    Attributes:
        code: HTTP's status.
        status: Kubernetes' own, which says why.
    """

    def __init__(self, code: int, status: Json) -> None:
        super().__init__(f"{code}: {status.get('message', status)}")
        self.code = code
        self.status = status


class Client:
    """One connection to an API server.

    Args:
        port: of 127.0.0.1.
        token: who is calling.
        context: whose certificates are trusted.
    """

    def __init__(self, port: int, token: str, context: ssl.SSLContext) -> None:
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=SECONDS, context=context
        )
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def close(self) -> None:
        """End the connection, and with it a watch that was not read to its end."""
        self._connection.close()

    def text(self, path: str) -> tuple[int, str]:
        """Status and body of a GET that is not answered in JSON, such as /readyz."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read().decode()

    def get(self, path: str, **query: str | int) -> Json:
        """Read an object or a list."""
        return self._call("GET", path, None, query)

    def create(self, path: str, body: Json) -> Json:
        """POST to a collection; gives the object as it was stored."""
        return self._call("POST", path, body, {})

    def replace(self, path: str, body: Json) -> Json:
        """PUT an object."""
        return self._call("PUT", path, body, {})

    def delete(self, path: str, **query: str | int) -> Json:
        """DELETE an object or a collection."""
        return self._call("DELETE", path, None, query)

    def pages(self, path: str, limit: int) -> Iterator[Json]:
        """A list page by page, all of them at the first one's revision."""
        page = self.get(path, limit=limit)
        yield page
        while token := page["metadata"].get("continue"):
            page = self.get(path, limit=limit, **{"continue": token})
            yield page

    def watch(self, path: str, **query: str | int) -> Iterator[Json]:
        """Events, until the server ends the watch; takes the connection for itself."""
        answer = self._send("GET", path, None, {"watch": "true", **query})
        for line in answer:
            yield json.loads(line)

    def _call(
        self, method: str, path: str, body: Json | None, query: Mapping[str, str | int]
    ) -> Json:
        found: Json = json.loads(self._send(method, path, body, query).read())
        return found

    def _send(
        self, method: str, path: str, body: Json | None, query: Mapping[str, str | int]
    ) -> http.client.HTTPResponse:
        where = f"{path}?{urlencode(query)}" if query else path
        content = None if body is None else json.dumps(body)
        headers = dict(self._headers)
        if content is not None:
            headers["Content-Type"] = "application/json"
        self._connection.request(method, where, content, headers)
        answer = self._connection.getresponse()
        if not 200 <= answer.status < 300:
            said = answer.read()
            try:
                status = json.loads(said)
            except ValueError:
                status = {"message": said.decode(errors="replace")}
            raise Refused(answer.status, status)
        return answer
