"""What every call is checked for (etcd: v3rpc/interceptor.go)."""

from __future__ import annotations

import pytest

from fake_etcd.api import errors
from fake_etcd.services.interceptor import admit


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        ((":authority", "localhost:2379"), ("user-agent", "grpc-go/1.83.2")),
        (("client-api-version", "3.7.3"), ("hasleader", "true")),
        (("client-api-version", "ünïcode"),),
        (("client-api-version", "3.7.3"), ("client-api-version", "\udcff")),
        (("token", "\udcff"),),
    ],
)
def test_usual_metadata_is_admitted(metadata: tuple[tuple[str, str], ...]) -> None:
    admit(metadata)


def test_a_client_version_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(errors.INVALID_CLIENT_API_VERSION) as refusal:
        admit((("client-api-version", b"\xff3.7".decode("utf-8", "surrogateescape")),))
    assert str(refusal.value) == "etcdserver: invalid client api version"
