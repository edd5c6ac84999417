"""What etcd answers to plain HTTP on its client port: which path is which page.

The pages are `pages`', but for /version. The JSON gateway is the transport's; here its paths are as
unknown as they are with `--enable-grpc-gateway=false`.
etcd: server/etcdserver/api/etcdhttp/version.go, server/embed/serve.go. Answers recorded from 3.7.3.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from fake_etcd.api import version
from fake_etcd.core.node import Node
from fake_etcd.services.http import (
    CORS,
    HttpRequest,
    HttpResponse,
    method_not_allowed,
    moved_to,
    plain_text,
    redirect,
)


def handle(node: Node, request: HttpRequest) -> HttpResponse:
    """The answer to any request."""
    if request.method == "OPTIONS":
        return HttpResponse(200, CORS)
    if request.target == "*":
        return HttpResponse(400, (*CORS, ("Connection", "close")))
    path, question_mark, query = request.target.partition("?")
    moved = moved_to(request.method, path)
    if moved is not None:
        return redirect(request.method, moved + question_mark + query, CORS)
    route = _route(unquote_to_bytes(path))
    return route(node, request) if route else plain_text(404, "404 page not found")


def version_page(node: Node) -> bytes:
    """The body of /version."""
    cluster = str(node.versions.cluster)  # of its storage, too: see `core.downgrade`
    told = {"etcdserver": version.SERVER, "etcdcluster": cluster, "storage": cluster}
    return json.dumps(told, separators=(",", ":")).encode()


def _version(node: Node, request: HttpRequest) -> HttpResponse:
    if request.method != "GET":
        return method_not_allowed()
    return HttpResponse(200, (*CORS, ("Content-Type", "application/json")), version_page(node))


def _route(path: bytes) -> Callable[[Node, HttpRequest], HttpResponse] | None:
    if path == b"/version":
        return _version
    from fake_etcd.services.pages import PAGES  # which a server may live without being asked for

    return PAGES.get(path)
