"""A configuration from a file of YAML, as Go's client reads it.

etcd: client/v3/yaml. Its keys, with durations in whole nanoseconds:

    endpoints: [localhost:2379]
    dial-timeout: 5000000000
    auto-sync-interval: 60000000000
    trusted-ca-file: ca.pem

There is TLS unless it says `insecure-transport: true`.
"""

from __future__ import annotations

import ssl
from os import PathLike
from pathlib import Path
from typing import Any

import yaml

from fake_etcd.clientv3.config import TLS, Config
from fake_etcd.clientv3.config_spec import Fields, SecureConfig

__all__ = ["new_config"]

_KEYS = (
    "endpoints",
    "auto-sync-interval",
    "dial-timeout",
    "dial-keep-alive-time",
    "dial-keep-alive-timeout",
    "MaxCallSendMsgSize",
    "MaxCallRecvMsgSize",
    "username",
    "password",
    "token",
    "reject-old-cluster",
    "permit-without-stream",
    "max-unary-retries",
    "backoff-wait-between",
    "backoff-jitter-fraction",
    "insecure-transport",
    "insecure-skip-tls-verify",
    "cert-file",
    "key-file",
    "trusted-ca-file",
)


def new_config(path: str | PathLike[str]) -> Config:
    """The configuration that a file says; what is missing or 0 is as `Config` has it by default.

    Go passes over keys that it does not know, and over `ca-file`; here they are refused.

    Raises:
        OSError: the file, or one of the certificates', cannot be read; `ssl.SSLError` where it has
            none.
        ValueError: no YAML, a key that there is not, a value that is not of its kind;
            `insecure-skip-tls-verify`, for grpcio has no way to do that.
        Error: NoAvailableEndpoints, MutuallyExclusiveConfig.
    """
    given = Fields(_read(path), _KEYS)
    chosen: dict[str, Any] = {
        "max_unary_retries": given.one("max-unary-retries", int, 0),
        "backoff_wait_between": given.seconds("backoff-wait-between"),
        "backoff_jitter_fraction": given.number("backoff-jitter-fraction"),
        "dial_timeout": given.seconds("dial-timeout"),
    }
    return Config(
        endpoints=given.texts("endpoints"),
        auto_sync_interval=given.seconds("auto-sync-interval"),
        dial_keepalive_time=given.seconds("dial-keep-alive-time"),
        dial_keepalive_timeout=given.seconds("dial-keep-alive-timeout"),
        max_call_send_size=given.one("MaxCallSendMsgSize", int, 0),
        max_call_recv_size=given.one("MaxCallRecvMsgSize", int, 0),
        username=given.one("username", str, ""),
        password=given.one("password", str, ""),
        token=given.one("token", str, ""),
        reject_old_cluster=given.one("reject-old-cluster", bool, False),
        permit_without_stream=given.one("permit-without-stream", bool, False),
        tls=_tls(given),
        **{name: value for name, value in chosen.items() if value},
    )


def _read(path: str | PathLike[str]) -> dict[str, Any]:
    try:
        data = yaml.safe_load(Path(path).read_bytes())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {error}") from None
    if not isinstance(data, dict | None):
        raise ValueError(f"{path} is to have keys and values, not {data!r}")
    return data or {}


def _tls(given: Fields) -> TLS | None:
    """The certificates, which are looked at: what is wrong with them is told now."""
    if given.one("insecure-transport", bool, False):
        return None
    secure = SecureConfig(
        cert=given.one("cert-file", str, ""),
        key=given.one("key-file", str, ""),
        cacert=given.one("trusted-ca-file", str, ""),
        insecure_skip_verify=given.one("insecure-skip-tls-verify", bool, False),
    )
    tls = secure.tls()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if secure.cacert:
        context.load_verify_locations(secure.cacert)
    if secure.cert:
        context.load_cert_chain(secure.cert, secure.key)
    return tls
