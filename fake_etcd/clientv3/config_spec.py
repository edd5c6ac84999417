"""A configuration as plain data, as it comes from flags, the environment or a file of JSON.

etcd: client/v3/config.go, ConfigSpec. The keys of `ConfigSpec.of` are those of Go's JSON; durations
are whole nanoseconds there, and seconds here.

>>> spec = ConfigSpec.of({"endpoints": ["localhost:2379"], "dial-timeout": 2_000_000_000})
>>> spec.dial_timeout, new_client_config(spec).dial_timeout
(2.0, 2.0)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from fake_etcd.clientv3.config import TLS, Config

__all__ = ["AuthConfig", "ConfigSpec", "SecureConfig", "new_client_config"]

T = TypeVar("T")

_NANOSECONDS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class SecureConfig:
    """Files of certificates, and whether there is to be TLS at all.

    Args:
        cert: path of the client's certificate, with `key`.
        key: path of its private key.
        cacert: path of the certificates that are trusted.
        server_name: the name that the server's certificate has to be for.
        insecure_transport: no TLS, where none of the above is given.
        insecure_skip_verify: take any certificate; grpcio cannot do that.
    """

    cert: str = ""
    key: str = ""
    cacert: str = ""
    server_name: str = ""
    insecure_transport: bool = False
    insecure_skip_verify: bool = False

    def tls(self) -> TLS | None:
        """What that is for `Config.tls`.

        Raises:
            ValueError: `cert` without `key`, or the other way round; `insecure_skip_verify`.
        """
        if self.insecure_skip_verify:
            raise ValueError("insecure-skip-tls-verify: grpcio has no way to take any certificate")
        has_any = self.cert or self.key or self.cacert or self.server_name
        if self.insecure_transport and not has_any:
            return None
        return TLS(
            self.cacert or None, self.cert or None, self.key or None, self.server_name or None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthConfig:
    """Who the client is: a user and a password, or a token."""

    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return not (self.username or self.password or self.token)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSpec:
    """What a client is to be made from; what is 0 is as `Config` has it by default.

    Args:
        endpoints: as those of `Config`.
        request_timeout: seconds that a request may take; for whoever makes the requests.
        dial_timeout: seconds, as that of `Config`.
        keepalive_time: seconds, as `dial_keepalive_time` of `Config`.
        keepalive_timeout: seconds, as `dial_keepalive_timeout` of `Config`.
        max_call_send_size: bytes of a request at the most.
        max_call_recv_size: bytes of an answer at the most.
        secure: certificates; None for no TLS but that of https endpoints.
        auth: who the client is.
    """

    endpoints: Sequence[str] = ()
    request_timeout: float = 0.0
    dial_timeout: float = 0.0
    keepalive_time: float = 0.0
    keepalive_timeout: float = 0.0
    max_call_send_size: int = 0
    max_call_recv_size: int = 0
    secure: SecureConfig | None = None
    auth: AuthConfig | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> ConfigSpec:
        """From what JSON gives: the keys are those of Go's tags ("dial-timeout"), in any case.

        Raises:
            ValueError: a key that there is not, a value that is not of its kind.
        """
        given = Fields(data, _SPEC_KEYS)
        secure, auth = given.mapping("secure"), given.mapping("auth")
        return cls(
            endpoints=given.texts("endpoints"),
            request_timeout=given.seconds("request-timeout"),
            dial_timeout=given.seconds("dial-timeout"),
            keepalive_time=given.seconds("keepalive-time"),
            keepalive_timeout=given.seconds("keepalive-timeout"),
            max_call_send_size=given.one("max-request-bytes", int, 0),
            max_call_recv_size=given.one("max-recv-bytes", int, 0),
            secure=None if secure is None else _secure(Fields(secure, _SECURE_KEYS)),
            auth=None if auth is None else _auth(Fields(auth, _AUTH_KEYS)),
        )


def _secure(given: Fields) -> SecureConfig:
    return SecureConfig(
        cert=given.one("cert", str, ""),
        key=given.one("key", str, ""),
        cacert=given.one("cacert", str, ""),
        server_name=given.one("server-name", str, ""),
        insecure_transport=given.one("insecure-transport", bool, False),
        insecure_skip_verify=given.one("insecure-skip-tls-verify", bool, False),
    )


def _auth(given: Fields) -> AuthConfig:
    return AuthConfig(
        username=given.one("username", str, ""),
        password=given.one("password", str, ""),
        token=given.one("token", str, ""),
    )


def new_client_config(spec: ConfigSpec) -> Config:
    """The configuration that a specification is for.

    Raises:
        ValueError: what `SecureConfig.tls` and `Config` do not take.
        Error: NoAvailableEndpoints, MutuallyExclusiveConfig.
    """
    auth = spec.auth or AuthConfig()
    return Config(
        endpoints=spec.endpoints,
        dial_timeout=spec.dial_timeout or None,
        dial_keepalive_time=spec.keepalive_time,
        dial_keepalive_timeout=spec.keepalive_timeout,
        max_call_send_size=spec.max_call_send_size,
        max_call_recv_size=spec.max_call_recv_size,
        tls=None if spec.secure is None else spec.secure.tls(),
        username=auth.username,
        password=auth.password,
        token=auth.token,
    )


class Fields:
    """The fields of an object of JSON, as Go reads them: keys in any case, null for none.

    Args:
        data: the object.
        keys: that it may have.

    Raises:
        ValueError: it has others. (Go passes over these.)
    """

    def __init__(self, data: Mapping[str, Any], keys: Sequence[str]) -> None:
        known = {key.lower(): key for key in keys}
        self._values: dict[str, Any] = {}
        for key, value in data.items():
            name = known.get(str(key).lower())
            if name is None:
                raise ValueError(f"{key}: there is no such key; there are {', '.join(keys)}")
            if value is not None:
                self._values[name] = value

    def one(self, key: str, kind: type[T], default: T) -> T:
        """A value; raises ValueError where it is none of its kind."""
        value = self._values.get(key, default)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{key}: wanted {kind.__name__}, not {value!r}")
        return value

    def number(self, key: str) -> float:
        """A number, whole or not; raises as `one`."""
        value = self._values.get(key, 0)
        return float(value) if type(value) is int else self.one(key, float, 0.0)

    def seconds(self, key: str) -> float:
        """A time that is given in whole nanoseconds; raises as `one`."""
        return self.one(key, int, 0) / _NANOSECONDS

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; raises as `one`."""
        values: list[object] = self.one(key, list, [])
        texts = tuple(value for value in values if isinstance(value, str))
        if len(texts) != len(values):
            raise ValueError(f"{key}: wanted a list of str, not {values!r}")
        return texts

    def mapping(self, key: str) -> Mapping[str, Any] | None:
        """An object within this one; raises as `one`."""
        return self.one(key, dict, {}) if key in self._values else None


_SPEC_KEYS = (
    "endpoints",
    "request-timeout",
    "dial-timeout",
    "keepalive-time",
    "keepalive-timeout",
    "max-request-bytes",
    "max-recv-bytes",
    "secure",
    "auth",
)
_SECURE_KEYS = (
    "cert",
    "key",
    "cacert",
    "server-name",
    "insecure-transport",
    "insecure-skip-tls-verify",
)
_AUTH_KEYS = ("username", "password", "token")
