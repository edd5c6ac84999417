"""What etcd checks on every call, whatever its method (etcd: v3rpc/interceptor.go)."""

from __future__ import annotations

from fake_etcd.api import errors
from fake_etcd.services.call import Metadata

CLIENT_API_VERSION = "client-api-version"


def admit(metadata: Metadata) -> None:
    """Look at the metadata of a call.

    `hasleader` needs no look: the one member is always the leader.

    Raises:
        errors.INVALID_CLIENT_API_VERSION: where the client's version is not UTF-8.
    """
    version = next((value for name, value in metadata if name == CLIENT_API_VERSION), "")
    if isinstance(version, str) and not _is_utf8(version):
        raise errors.INVALID_CLIENT_API_VERSION


def _is_utf8(text: str) -> bool:
    """Bytes that were not UTF-8 stand in metadata as lone surrogates (PEP 383)."""
    return not any("\udc80" <= char <= "\udcff" for char in text)
