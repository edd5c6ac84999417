"""The flags about TLS, as what the client takes. etcd: client/v3/config.go, newTLSConfig."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fake_etcd.ctl.flags import Given
from fake_etcd.ctl.gotext import in_words
from fake_etcd.ctl.terminal import Exit, Status

if TYPE_CHECKING:
    from fake_etcd.clientv3 import TLS

_FILES = ("cert", "key", "cacert")


def refuse_empty(given: Given) -> None:
    """End where a file is given as nothing, which a script's unset variable does."""
    for name in _FILES:
        if given.is_changed(name) and not given.text(name):
            raise Exit(Status.BAD_ARGS, f"empty string is passed to --{name} option")


def of(given: Given, endpoints: tuple[str, ...]) -> TLS | None:
    """The certificates; None where nothing asks for TLS but an endpoint itself, perhaps."""
    from fake_etcd.clientv3 import TLS

    cert, key, cacert = (given.text(name) for name in _FILES)
    if (not cert) != (not key):
        raise Exit(
            Status.BAD_ARGS,
            f"KeyFile and CertFile must both be present[key: {key}, cert: {cert}]",
        )
    tls = TLS(cert=_read(cert, "certificate"), key=_read(key, "key"), ca=_read(cacert))
    if given.is_on("insecure-skip-tls-verify"):
        from fake_etcd.ctl import any_certificate

        return any_certificate.trusted(endpoints, cert, key, tls)
    if not (cert or cacert) and given.is_on("insecure-transport"):
        return None
    return tls


def _read(path: str, what: str = "") -> bytes | None:
    """What is in a file; None for no file. `what` it is to be, if it has to be in PEM."""
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            pem = file.read()
    except OSError as error:
        raise Exit(Status.BAD_ARGS, f"open {path}: {in_words(error)}") from None
    if what and b"-----BEGIN " not in pem:
        raise Exit(Status.BAD_ARGS, f"tls: failed to find any PEM data in {what} input")
    return pem
