"""The speed part over TLS: certificates on both sides, as etcd's documentation has it.

What is the same for all connections, their handshakes, is over before anything is measured.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import closing

from bench import scenarios, servers
from bench.scenarios import Scenario, Speed, Start
from conformance import oracle
from fake_etcd.testing import Tls, real_tls
from fake_etcd.testing.tls import TlsKit

SCENARIOS = (
    Scenario("tls-get", "get", ("-op=get",)),
    Scenario("tls-put", "put", ("-op=put",)),
)


def run(turns: int, seconds: float, say: Callable[[str], None]) -> Speed:
    """Measure on fresh servers each turn; see `scenarios.in_turns`."""
    with closing(real_tls.new_kit(Tls(client_cert_auth=True))) as kit:
        flags, context = real_tls.flags(kit), real_tls.unverified(kit)
        ours = functools.partial(servers.ours, flags=flags, context=context)
        starts: dict[str, Start] = {
            "real": lambda: oracle.start(flags=flags, context=context),
            "uvloop": lambda: ours("uvloop"),
            "asyncio": lambda: ours("asyncio"),
        }
        return scenarios.in_turns(
            starts, SCENARIOS, turns, seconds, lambda text: say(f"TLS, {text}"), client_flags(kit)
        )


def client_flags(kit: TlsKit) -> tuple[str, ...]:
    """What the load generator needs to be let in, the authority first."""
    files = kit.files("bench")
    return (
        f"-cacert={files.ca_cert}",
        f"-cert={files.client_cert}",
        f"-key={files.client_key}",
    )
