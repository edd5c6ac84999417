"""docs/fidelity.md: every scenario by area, equal or not, and each difference with its reason.

What a scenario cannot show, because it is not on the wire or because real etcd would not survive
it, is in the table below.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .recordings import Recordings
from .runner import Outcome, Result
from .scenario import Marked


@dataclass(frozen=True, slots=True)
class Unshown:
    """A difference that no scenario shows.

    Args:
        kind: whether it is to go or to stay.
        what: the case.
        etcd, ours: what each does.
        why: why it is so, or why no scenario shows it.
    """

    kind: Marked
    what: str
    etcd: str
    ours: str
    why: str


UNSHOWN: tuple[Unshown, ...] = (
    Unshown(
        Marked.ON_PURPOSE,
        "`--listen-client-urls` without `--advertise-client-urls`",
        "refuses to start",
        "advertises what it listens on",
        "nothing else can be meant with one member and port 0",
    ),
    Unshown(
        Marked.ON_PURPOSE,
        "`localhost` in `--listen-client-urls`",
        "127.0.0.1 only",
        "::1 too, where there is any",
        "clients that try IPv6 first find it",
    ),
    Unshown(
        Marked.ON_PURPOSE,
        "`--auto-compaction-retention` below 0",
        "its compactor spins",
        "refuses to start",
        "no client sees it",
    ),
    Unshown(
        Marked.ON_PURPOSE,
        'a Txn that deletes `[a, "\\0")` and puts `a` with `ignore_value` or `ignore_lease`',
        "the server panics",
        "nothing is kept: an empty value, no lease",
        "etcd would not live to be recorded",
    ),
    Unshown(
        Marked.ON_PURPOSE,
        "trailers from a client",
        "accepted, or the connection breaks",
        "what RFC 9113 says: accepted where they are well formed, else `PROTOCOL_ERROR`",
        "h2spec asks for it; the suite's client sends none",
    ),
    Unshown(
        Marked.ON_PURPOSE,
        "metadata of more than 2 MiB",
        "taken, up to 16 MiB",
        "the connection ends with `ENHANCE_YOUR_CALM`",
        "a bound on memory; whether a client that still sends hears why is a matter of time",
    ),
    Unshown(
        Marked.ON_PURPOSE,
        "an undecodable request",
        "in some builds a no-break space behind `proto:`",
        "a plain space",
        "real servers differ in it, so the suite takes them for the same",
    ),
    Unshown(
        Marked.ON_PURPOSE,
        "`--auto-tls`",
        "writes its certificate below the data directory, and takes it from there",
        "makes one in memory at each start",
        "there is no data directory",
    ),
    Unshown(
        Marked.ON_PURPOSE,
        "`--auto-tls` with flags about client certificates",
        "ignores these without a word",
        "ignores them and says so in the log",
        "who wants clients to be checked should know",
    ),
    Unshown(
        Marked.KNOWN_LIMIT,
        "TLS 1.3, a client with a certificate for none of `--client-cert-allowed-hostname`",
        "the alert `bad_certificate`",
        "the connection ends without an alert",
        "Python's `ssl` has no way to send one; the log says why",
    ),
    Unshown(
        Marked.KNOWN_LIMIT,
        "a client certificate that is not valid yet, or not for clients",
        "the alerts `certificate_expired` and `bad_certificate`",
        "`bad_certificate` and `unsupported_certificate`",
        "OpenSSL chooses them; refused it is in both",
    ),
    Unshown(
        Marked.KNOWN_LIMIT,
        "the cipher suite of TLS 1.3, where a client has no wish of its own",
        "`TLS_AES_128_GCM_SHA256`",
        "`TLS_AES_256_GCM_SHA384`",
        "Python cannot order them before 3.15",
    ),
    Unshown(
        Marked.KNOWN_LIMIT,
        "the log line of a client certificate that is out of date",
        "says what time it is and when it was valid",
        "does not",
        "a failed handshake shows nobody the certificate",
    ),
    Unshown(
        Marked.KNOWN_LIMIT,
        "`--cipher-suites` with RC4 or 3DES",
        "offers them",
        "offers them where OpenSSL has them, which it seldom does",
        "the handshakes are OpenSSL's",
    ),
    Unshown(
        Marked.ON_PURPOSE,
        "a user or role whose name is longer than 32,768 bytes",
        "the server ends",
        "taken",
        "etcd would not live to be recorded",
    ),
    Unshown(
        Marked.ON_PURPOSE,
        "a made-up token with an index that is still to come (`x.99999999`)",
        "waits for it, mostly until the call's deadline",
        "refused at once, as etcd refuses it then",
        "no client gets such a token; a scenario would wait for nothing",
    ),
    Unshown(
        Marked.KNOWN_LIMIT,
        "HTTP/1.0 with an unknown `Transfer-Encoding`",
        "ignores it",
        "501",
        "the suite's client speaks HTTP/1.1",
    ),
    Unshown(
        Marked.KNOWN_LIMIT,
        "offsets in texts about corrupt gzip data",
        "Go's",
        "mostly Go's",
        "every input that was tried is answered alike",
    ),
    Unshown(
        Marked.KNOWN_LIMIT,
        "`%q` quotes of characters from the newest Unicode versions",
        "as Go's tables have them",
        "as Python's tables have them",
        "it depends on the version of Python",
    ),
)

_SIGNS = {Outcome.EQUAL: "equal", Outcome.EXPECTED: "differs", Outcome.SKIPPED: "skipped"}


def markdown(results: Sequence[Result], recorded: Recordings) -> str:
    """The page, from a whole run of `verify`."""
    counts = Counter(result.outcome for result in results)
    expected = [result for result in results if result.outcome is Outcome.EXPECTED]
    lines = [
        "# Where fake_etcd answers as etcd does, and where not",
        "",
        "<!-- Written by `python -m conformance fidelity`; do not edit. -->",
        "",
        f"{len(results)} scenarios, recorded from etcd {recorded.version} on {recorded.day} and "
        f"run on fake_etcd by `python -m conformance verify`: {counts[Outcome.EQUAL]} are answered "
        f"alike in every field, status and text, {len(expected)} differ as said here. Any "
        "difference that is not on this page is a bug. What is not there yet at all is in the "
        "[README](../README.md#what-is-there).",
        "",
        "| area | scenarios | equal | known limits | on purpose |",
        "| --- | --- | --- | --- | --- |",
        *_areas(results),
        "",
        "## On purpose",
        "",
        "Where we help and etcd refuses, or the specification asks for something else than etcd "
        "does.",
        "",
        *_differences(expected, Marked.ON_PURPOSE),
        "## Known limits",
        "",
        "Not the same yet.",
        "",
        *_differences(expected, Marked.KNOWN_LIMIT),
        "## Every scenario",
        *_scenarios(results),
    ]
    return "\n".join(lines) + "\n"


def _areas(results: Sequence[Result]) -> Iterator[str]:
    for area in sorted({result.scenario.area for result in results}):
        here = [result for result in results if result.scenario.area == area]
        kinds = Counter(result.scenario.mark.kind for result in here if result.scenario.mark)
        equal = sum(result.outcome is Outcome.EQUAL for result in here)
        yield (
            f"| {area} | {len(here)} | {equal} | {kinds[Marked.KNOWN_LIMIT]} "
            f"| {kinds[Marked.ON_PURPOSE]} |"
        )


def _differences(expected: Sequence[Result], kind: Marked) -> Iterator[str]:
    """Each marked scenario with its reason and the difference itself, then what none shows."""
    for result in expected:
        mark = result.scenario.mark
        if mark is not None and mark.kind is kind:
            yield f"### {result.scenario.sentence}"
            reason = mark.reason[0].upper() + mark.reason[1:]
            yield f"\n{reason} (`{result.scenario.id}`; `-` is etcd, `+` is fake_etcd):\n"
            yield from ("```diff", *result.lines, "```", "")
    unshown = [one for one in UNSHOWN if one.kind is kind]
    if unshown:
        yield "Without a scenario:\n"
        yield "| what | etcd | fake_etcd | why |"
        yield "| --- | --- | --- | --- |"
        yield from (f"| {one.what} | {one.etcd} | {one.ours} | {one.why} |" for one in unshown)
        yield ""


def _scenarios(results: Sequence[Result]) -> Iterator[str]:
    area = ""
    for result in results:
        if result.scenario.area != area:
            area = result.scenario.area
            yield f"\n### {area}\n"
        sign = _SIGNS.get(result.outcome, result.outcome.value)
        yield f"- {sign}: {result.scenario.sentence}"
