"""What a real etcd is told of the certificates that a test has made for it: flags, and files.

etcd reads the files of its certificate and of what is revoked again for each connection, so a
test changes them as it does an emulated one's.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

from fake_etcd.testing.tls import Tls, TlsKit

_CERTIFICATE, _KEY, _REVOKED = "server.pem", "server-key.pem", "revoked.der"


def new_kit(tls: Tls) -> TlsKit:
    """Certificates for a real etcd, whose files follow what a test does to them."""

    def apply(step: Callable[[], None]) -> None:
        step()
        _write(kit)

    kit = TlsKit(tls, apply)
    return kit


def flags(kit: TlsKit) -> list[str]:
    """etcd's flags for these certificates, whose files are the kit's from now on."""
    options = kit.options
    paths = _write(kit)
    found = [
        f"--cert-file={paths[_CERTIFICATE]}",
        f"--key-file={paths[_KEY]}",
        f"--tls-min-version={options.tls_min_version}",
    ]
    if options.tls_max_version:
        found.append(f"--tls-max-version={options.tls_max_version}")
    if options.cipher_suites:
        found.append(f"--cipher-suites={','.join(options.cipher_suites)}")
    if options.client_cert_auth:
        found += [
            "--client-cert-auth",
            f"--trusted-ca-file={kit.write('ca.pem', kit.ca_cert)}",
            f"--client-crl-file={paths[_REVOKED]}",
        ]
    if options.client_cert_allowed_hostname:
        hosts = ",".join(options.client_cert_allowed_hostname)
        found.append(f"--client-cert-allowed-hostname={hosts}")
    return found


def unverified(kit: TlsKit) -> ssl.SSLContext:
    """How it is asked whether it is well, whatever the test wants of its certificate."""
    context = kit.context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _write(kit: TlsKit) -> dict[str, Path]:
    """Write what etcd reads again for each connection; gives the paths."""
    contents = {
        _CERTIFICATE: kit.server.certificate,
        _KEY: kit.server.key,
        _REVOKED: kit.revocation_list,
    }
    return {name: kit.write(name, content) for name, content in contents.items()}
