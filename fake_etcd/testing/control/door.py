"""The door of the control API: who may use it, and from a request to an answer.

What there is to be done is in `operations.py`. Nothing in etcd corresponds to it.
"""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING

from fake_etcd.services.http import HttpRequest, HttpResponse
from fake_etcd.testing.control import operations
from fake_etcd.testing.control.fields import Refused, mapping, of_body, of_query
from fake_etcd.testing.control.operations import OPERATIONS, Desk, Operation
from fake_etcd.testing.control.plain import Json

if TYPE_CHECKING:
    from fake_etcd.testing.fake import FakeEtcd

ROOT = "/_fake"

MAX_BODY_BYTES = 16 * 2**20
"""The largest body that is taken; nothing but a seed is longer than a line or two."""


class Control:
    """Does what requests below `/_fake` ask of a FakeEtcd.

    Args:
        etcd: whose.
        token: what a request has to say, "Authorization: Bearer TOKEN"; empty: nothing.

    Methods are called while the node is held.
    """

    def __init__(self, etcd: FakeEtcd, token: str = "") -> None:
        self._desk = Desk(etcd)
        self._token = token

    @staticmethod
    def serves(request: HttpRequest) -> bool:
        """Whether a request is one for this door."""
        path = request.target.partition("?")[0]
        return path == ROOT or path.startswith(f"{ROOT}/")

    def body_limit(self, request: HttpRequest) -> int:
        """How large a body is read; no body of those who may not use this door."""
        return MAX_BODY_BYTES if self.serves(request) and self._objection(request) is None else 0

    def handle(self, request: HttpRequest) -> HttpResponse:
        """The answer to a request that is for this door."""
        try:
            return _answer(200, self._do(request))
        except Refused as refused:
            return _answer(refused.status, {"error": refused.message}, *refused.headers)

    def _do(self, request: HttpRequest) -> Json:
        objection = self._objection(request)
        if objection is not None:
            raise objection
        operation = _find(request)
        if request.body is None:
            raise Refused(413, f"the body is larger than {MAX_BODY_BYTES} bytes; send it in parts")
        if request.method != "POST":
            given = of_query(request, operation.fields)
        elif operation.takes_any:
            given = mapping(request)
        else:
            given = of_body(request, operation.fields)
        return operation.run(self._desk, given)

    def _objection(self, request: HttpRequest) -> Refused | None:
        """Why who asks may not."""
        said = [(name.lower(), value) for name, value in request.headers]
        if self._token:
            right = f"Bearer {self._token}".encode()
            words = [value for name, value in said if name == "authorization"]
            if len(words) == 1 and hmac.compare_digest(words[0].encode(), right):
                return None
            return Refused(
                401,
                "send the header Authorization: Bearer TOKEN, with the token of --control-token",
                ("WWW-Authenticate", "Bearer"),
            )
        if any(name == "origin" for name, _ in said):
            # Any page that somebody looks at could send it; what is on this machine says no origin.
            return Refused(403, "a web page may not do this; set --control-token and send it")
        return None


def _find(request: HttpRequest) -> Operation:
    path = request.target.partition("?")[0].removeprefix(ROOT)
    at_path = [operation for operation in OPERATIONS if operation.path == path]
    if not at_path:
        there = sorted({ROOT + operation.path for operation in OPERATIONS})
        raise Refused(404, f"there is no {ROOT}{path}; there are {', '.join(there)}")
    for operation in at_path:
        if operation.method == request.method:
            return operation
    allowed = ", ".join(operation.method for operation in at_path)
    message = f"{ROOT}{path} takes {allowed}, not {request.method}"
    raise Refused(405, message, ("Allow", allowed))


def _answer(status: int, content: Json, *headers: tuple[str, str]) -> HttpResponse:
    body = json.dumps(content, ensure_ascii=False).encode() + b"\n"
    return HttpResponse(status, (*headers, ("Content-Type", "application/json")), body)


def markdown() -> str:
    """The table of operations, as docs/other-languages.md has it."""
    lines = ["| request | what it takes | what it does |", "| --- | --- | --- |"]
    for operation in operations.OPERATIONS:
        taken = operation.takes_any or "; ".join(each.described for each in operation.fields)
        lines.append(
            f"| `{operation.method} {ROOT}{operation.path}` | {taken} | {operation.does} |"
        )
    return "\n".join(lines) + "\n"
