"""Who may ask for pages on the client port: --cors and --host-whitelist.

etcd: server/embed/serve.go (`createAccessController`), server/etcdserver/server_access_control.go.
Answers recorded from 3.7.3.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from dataclasses import dataclass

from fake_etcd.services.http import CORS, HttpHandler, HttpRequest, HttpResponse, plain_text

_log = logging.getLogger("fake_etcd.services")

_WITH_PORT = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):[^:\[\]]*")
_REBINDING = "rejecting HTTP request to prevent DNS rebinding attacks"


@dataclass(frozen=True, slots=True)
class Access:
    """What the two flags say; nothing in one of them, or "*", is everybody.

    Args:
        origins: those of web pages whose scripts may read an answer.
        hosts: what a request that is not encrypted may call this server.
    """

    origins: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        """Whether everybody may do everything."""
        return self._takes_all_origins and self._takes_all_hosts

    @property
    def _takes_all_origins(self) -> bool:
        return not self.origins or "*" in self.origins

    @property
    def _takes_all_hosts(self) -> bool:
        return not self.hosts or "*" in self.hosts

    def answer(self, handle: HttpHandler, request: HttpRequest) -> HttpResponse:
        """What `handle` says, told to those alone who may hear it."""
        refusal = self.refusal(request)
        if refusal is not None:
            return refusal
        response = handle(request)
        if self._takes_all_origins:
            return response
        bare = without_cors(response)
        return dataclasses.replace(bare, headers=(*self.cors(request), *bare.headers))

    def refusal(self, request: HttpRequest) -> HttpResponse | None:
        """What is answered, before anything else, to who may not ask; None to who may."""
        if request.is_encrypted or self._takes_all_hosts:
            return None
        host = _host_name(_header(request, "host"))
        if host in self.hosts:
            return None
        extra = {"caller": "embed/serve.go:457", "fields": {"host": host}}
        _log.warning(_REBINDING, extra=extra)
        return without_cors(plain_text(421, _unknown_host(host)))

    def cors(self, request: HttpRequest) -> tuple[tuple[str, str], ...]:
        """The headers that let a page's script read the answer, where they are to be there."""
        if self._takes_all_origins:
            return CORS
        origin = _header(request, "origin")
        if origin not in self.origins:
            return ()
        allowed = (name_value for name_value in CORS if name_value[1] != "*")
        return (*allowed, ("Access-Control-Allow-Origin", origin))


OPEN = Access()
"""Everybody, as etcd's defaults have it."""


def _header(request: HttpRequest, wanted: str) -> str:
    return next((value for name, value in request.headers if name.lower() == wanted), "")


def _host_name(text: str) -> str:
    """Without its port, where there is one (Go: net.SplitHostPort)."""
    match = _WITH_PORT.fullmatch(text)
    return text if match is None else match[1] if match[1] is not None else match[2]


def without_cors(response: HttpResponse) -> HttpResponse:
    """An answer of what is in front of etcd's own handlers."""
    headers = tuple(header for header in response.headers if header not in CORS)
    return dataclasses.replace(response, headers=headers)


def _unknown_host(host: str) -> str:
    return "".join(f"{line}\n" for line in _UNKNOWN_HOST).replace("HOST", _go_quoted(host))


def _go_quoted(text: str) -> str:
    """As Go's %q has it; a host that came this far is printable."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_UNKNOWN_HOST = (
    "",
    "etcd received your request, but the Host header was unrecognized.",
    "",
    "To fix this, choose one of the following options:",
    "- Enable TLS, then any HTTPS request will be allowed.",
    "- Add the hostname you want to use to the whitelist in settings.",
    "  - e.g. etcd --host-whitelist HOST",
    "",
    'This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).',
)
"""etcd's answer, whole: tools look for it."""
