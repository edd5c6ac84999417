"""Addresses for pages alone: --listen-client-http-urls and --listen-metrics-urls.

etcd: server/embed/etcd.go (`configureClientListeners`, `serveMetrics`). There is no /metrics yet.
"""

from __future__ import annotations

import functools
from typing import Protocol, runtime_checkable

from fake_etcd.services.http import CORS, HttpHandler, HttpRequest, HttpResponse, plain_text
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
    is_health = request.target.partition("?")[0] == "/health"
    if not is_health:
        answer = plain_text(404, _NOT_THERE)
    elif request.method != "GET":
        answer = plain_text(405, "Method Not Allowed", ("Allow", "GET"))
    else:
        answer = node.page(HttpRequest("GET", request.target, is_encrypted=True))
    headers = tuple(header for header in answer.headers if header not in CORS)
    return HttpResponse(answer.status, headers, answer.body)
