"""What the client raises beside the errors of contexts (`context`) and of etcd (`rpctypes`).

etcd: client/v3/client.go (ErrNoAvailableEndpoints and its neighbours), gRPC's status errors.
"""

from __future__ import annotations

from fake_etcd.api.status import Code


class Error(Exception):
    """Base of all that the client raises on purpose: contexts' errors, etcd's, and the rest."""


class StatusError(Error):
    """A call ended with a status that is none of etcd's: no etcd is there, or none to be reached.

    Args:
        code: gRPC's status code.
        message: what came with it, from the server or from gRPC on this side.

    >>> str(StatusError(Code.UNIMPLEMENTED, "unknown service etcdserverpb.KV"))
    'rpc error: code = Unimplemented desc = unknown service etcdserverpb.KV'
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"rpc error: code = {go_name(self.code)} desc = {self.message}"


class NoAvailableEndpoints(Error):
    """A client was to be made without endpoints."""

    def __init__(self, message: str = "etcdclient: no available endpoints") -> None:
        super().__init__(message)


class OldCluster(Error):
    """The cluster is older than the client takes (`Config.reject_old_cluster`)."""

    def __init__(self, message: str = "etcdclient: old cluster version") -> None:
        super().__init__(message)


class MutuallyExclusiveConfig(Error):
    """A token and a user name were given both."""

    def __init__(
        self,
        message: str = "Username/Password and Token configurations are mutually exclusive",
    ) -> None:
        super().__init__(message)


class ClientClosed(StatusError):
    """The client was closed before the call, or while it waited."""

    def __init__(
        self,
        code: Code = Code.CANCELLED,
        message: str = "grpc: the client connection is closing",
    ) -> None:
        super().__init__(code, message)


class KeepAliveHalted(Error):
    """No lease is kept alive by this client any more.

    Args:
        reason: why, where that is known.
    """

    def __init__(self, reason: Exception | None = None) -> None:
        self.reason = reason
        told = "" if reason is None else f": {reason}"
        super().__init__(f"etcdclient: leases keep alive halted{told}")


class LeaseLost(Error):
    """A lease that was kept alive is gone, or may be.

    Args:
        lease: its id.
        reason: ErrLeaseNotFound where the server said so. Otherwise there was no answer for as
            long as the lease lives, and this is what went wrong last; None if nothing was seen to.
    """

    def __init__(self, lease: int, reason: Exception | None) -> None:
        self.lease = lease
        self.reason = reason
        why = "no answer for as long as it lives" if reason is None else str(reason)
        super().__init__(f"etcdclient: lease {lease:x} is lost: {why}")


def go_name(code: Code) -> str:
    """As Go writes a code: "DeadlineExceeded".

    >>> go_name(Code.CANCELLED)
    'Canceled'
    """
    if code is Code.CANCELLED:
        return "Canceled"
    if code is Code.OK:
        return "OK"
    return code.name.title().replace("_", "")
