"""Where the instances of services are, as long as they live.

Each instance keeps a lease alive and has its address in a key of that lease: who crashes is no
longer found when the lease has ended. Who only came too late, because the host or the network was
slow, registers anew.
"""

from __future__ import annotations

import logging

from examples.etcd import Etcd, Lost

_log = logging.getLogger(__name__)


def addresses(etcd: Etcd, service: str) -> dict[str, str]:
    """The instances of a service that are alive: names and addresses."""
    prefix = _prefix(service)
    found = etcd.items(prefix).kvs
    return {kv.key[len(prefix) :].decode(): kv.value.decode() for kv in found}


class Registration:
    """An instance's entry, from its first beat on.

    Args:
        etcd: where it is kept.
        service, instance: names.
        address: where to reach the instance.
        ttl_seconds: how long it is found although it does not beat.
    """

    def __init__(
        self, etcd: Etcd, service: str, instance: str, address: str, ttl_seconds: int = 6
    ) -> None:
        self._etcd = etcd
        self._key = _prefix(service) + instance.encode()
        self._address = address.encode()
        self._ttl_seconds = ttl_seconds
        self._lease = 0

    def beat(self) -> None:
        """Be found for another TTL; to be called every third of it."""
        try:
            if self._lease and not self._etcd.keep_alive(self._lease):
                _log.warning("%s came too late, and was not found for a while", self._key)
                self._lease = 0  # so that it registers anew
            if not self._lease:
                self._register()
        except Lost:
            _log.info("%s: a beat was lost; the next one makes up for it", self._key)

    def _register(self) -> None:
        lease = self._etcd.grant(self._ttl_seconds)
        self._etcd.put(self._key, self._address, lease)
        self._lease = lease  # not before: a lease without the key would be kept alive for nothing

    def close(self) -> None:
        """Be found no longer."""
        if self._lease:
            self._etcd.revoke(self._lease)
            self._lease = 0


def _prefix(service: str) -> bytes:
    return f"services/{service}/".encode()
