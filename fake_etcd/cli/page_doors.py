"""Addresses for pages alone: --listen-client-http-urls and --listen-metrics-urls.

etcd: server/embed/etcd.go (`configureClientListeners`, `serveMetrics`).
"""

from __future__ import annotations

import functools
from typing import Protocol, runtime_checkable
from urllib.parse import unquote_to_bytes

from fake_etcd.services.http import (
    CORS,
    HttpHandler,
    HttpRequest,
    HttpResponse,
    method_not_allowed,
    moved_to,
    plain_text,
    redirect,
)
from fake_etcd.services.pages import DEBUG_VARS, METRICS, PAGES
from fake_etcd.transport.gateway.rules import GatewayRules
from fake_etcd.transport.listener import Limits, Server

_NOT_THERE = "404 page not found"


@runtime_checkable
class HasPages(Protocol):
    """A node that answers HTTP by a plain function."""

    gateway: GatewayRules | None
    """Its JSON gateway, which is there too."""

    def page(self, request: HttpRequest) -> HttpResponse:
        """What it says on its client URLs."""


def client_pages(node: HasPages) -> Server:
    """What serves --listen-client-http-urls."""
    return _server(node.page, node.gateway)


def metrics_pages(node: HasPages) -> Server:
    """What serves --listen-metrics-urls: who may ask is not looked at there."""
    return _server(functools.partial(_metrics_page, node))


def _server(handler: HttpHandler, gateway: GatewayRules | None = None) -> Server:
    return Server({}, handler, Limits(max_receive_bytes=0), gateway=gateway)


def _metrics_page(node: HasPages, request: HttpRequest) -> HttpResponse:
    path, question_mark, query = request.target.partition("?")
    moved = None if path == "*" else moved_to(request.method, path)
    name = unquote_to_bytes(path)
    if moved is not None:
        answer = redirect(request.method, moved + question_mark + query)
    elif name not in PAGES or name == DEBUG_VARS:
        answer = plain_text(404, _NOT_THERE)
    elif name != METRICS and request.method != "GET":
        answer = method_not_allowed()
    else:
        method = "HEAD" if request.method == "HEAD" else "GET"
        headers = [header for header in request.headers if header[0].lower() == "accept-encoding"]
        answer = node.page(HttpRequest(method, request.target, headers, is_encrypted=True))
    said = tuple(header for header in answer.headers if header not in CORS)
    return HttpResponse(answer.status, said, answer.body)
