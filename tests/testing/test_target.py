"""What `--etcd` may be, and a server that somebody else runs; here that is a FakeEtcd."""

from __future__ import annotations

import asyncio
import doctest
from collections.abc import Iterator
from typing import Any

import pytest

from fake_etcd.api import messages as m
from fake_etcd.testing import FakeEtcd, target
from fake_etcd.testing.real import RealEtcd
from fake_etcd.testing.target import Emulator, GivenServer, RealEtcdServers, Target
from tests.testing.runs import Runner
from tests.testing.stubs import stub

pytest_plugins = ["pytester"]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Runner:
    return Runner(pytester)


@pytest.fixture
def server() -> Iterator[FakeEtcd]:
    """Somebody's server."""
    with FakeEtcd() as etcd:
        yield etcd


def test_the_examples_run() -> None:
    assert doctest.testmod(target).failed == 0


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("fake", Emulator()),
        ("real", RealEtcdServers()),
        ("real:3", RealEtcdServers(3)),
        ("real@3.6.16", RealEtcdServers(1, "3.6.16")),
        ("real:12@3.6.16", RealEtcdServers(12, "3.6.16")),
        ("localhost:2379", GivenServer(("localhost:2379",))),
        ("http://[::1]:1, real.example:2/", GivenServer(("[::1]:1", "real.example:2"))),
    ],
)
def test_a_target_is_read(text: str, meant: Target) -> None:
    assert target.named(text) == meant


@pytest.mark.parametrize(
    "text", ["", "reall", "real:", "real:0", "real@", "etcd", "https://a:1", "a:1,", "a:1,b", ":1"]
)
def test_what_is_no_target_ends_the_run(pytester: pytest.Pytester, text: str) -> None:
    result = pytester.runpytest_inprocess(f"--etcd={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"--etcd: {text!r} is no etcd: fake, real, real:3" in result.stderr.str()


TESTS = """
    import pytest
    from fake_etcd.api import messages as m
    from tests.testing.stubs import stub

    @pytest.mark.parametrize("number", range(2))
    def test_it(fake_etcd, number):
        assert fake_etcd.store.dump() == {}
        fake_etcd.store.put("a", "1")
        channel = fake_etcd.channel()
        granted = stub(channel, "Lease/LeaseGrant")(m.LeaseGrantRequest(TTL=100, ID=7))
        assert granted.ID == 7

    @pytest.mark.fake_etcd(seed={"b": "2"}, endpoints=3)
    def test_seed(fake_etcd):
        assert fake_etcd.store.dump() == {"b": "2"}
        assert len(fake_etcd.endpoints) == 3
        assert fake_etcd.url == f"http://{fake_etcd.endpoint}" == f"http://127.0.0.1:{fake_etcd.port}"
"""


def test_tests_run_on_a_server_that_is_empty_before_and_after(
    run: Runner, server: FakeEtcd
) -> None:
    output = run(TESTS, f"--etcd={server.endpoint}", passed=3)
    assert f"etcd: {server.endpoint}" in output
    assert server.store.dump() == {}
    leases = stub(server.channel(), "Lease/LeaseLeases")(m.LeaseLeasesRequest())
    assert list(leases.leases) == []
    server.history.assert_called("Put", key="a", times=2)


def test_a_server_that_holds_something_is_left_alone(run: Runner, server: FakeEtcd) -> None:
    server.store.load({"a": "1", "b": "2"})
    stub(server.channel(), "Lease/LeaseGrant")(m.LeaseGrantRequest(TTL=100))
    before = server.store.revision
    output = run(TESTS, f"--etcd={server.endpoint}", errors=3)
    assert (
        f"{server.endpoint} holds 2 keys, 1 lease, and everything there is would be deleted: give "
        "--etcd-wipe if that may be"
    ) in output
    assert server.store.revision == before


def test_a_server_that_holds_something_may_be_wiped(run: Runner, server: FakeEtcd) -> None:
    server.store.load({"a": "1", "b": "2"})
    run(TESTS, f"--etcd={server.endpoint}", "--etcd-wipe", passed=3)
    assert server.store.dump() == {}


def test_what_comes_in_between_two_tests_is_the_tests(run: Runner, server: FakeEtcd) -> None:
    run(
        """
        import grpc, pytest
        from fake_etcd.api import messages as m
        from tests.testing.stubs import stub

        def test_one(fake_etcd):
            pass

        @pytest.fixture
        def late(request):
            with grpc.insecure_channel(request.config.getoption("--etcd")) as channel:
                stub(channel, "KV/Put")(m.PutRequest(key=b"a"), wait_for_ready=True)

        def test_two(late, fake_etcd):
            assert fake_etcd.store.dump() == {}
        """,
        f"--etcd={server.endpoint}",
        passed=2,
    )


def test_what_only_the_emulator_has_skips_the_test(run: Runner, server: FakeEtcd) -> None:
    output = run(
        """
        import pytest

        def test_clock(fake_etcd):
            try:
                fake_etcd.clock.freeze()
            except Exception:
                assert False
            assert False

        def test_history(fake_etcd):
            fake_etcd.history.calls()

        def test_nothing(fake_etcd):
            with pytest.raises(AttributeError, match="'RealEtcd' object has no attribute 'nope'"):
                fake_etcd.nope

        @pytest.mark.fake_etcd(random_seed=1)
        def test_option(fake_etcd):
            pass

        def test_two(fake_etcd, fake_etcd_factory):
            fake_etcd_factory()
        """,
        f"--etcd={server.endpoint}",
        "-rs",
        skipped=4,
        passed=1,
    )
    for reason in (
        "fake_etcd.clock: only the emulator has it",
        "fake_etcd.history: only the emulator has it",
        "option random_seed: the server was started by somebody else",
        "this test wants two etcds, and there is one",
    ):
        assert f"{reason} (--etcd={server.endpoint})" in output


def test_several_workers_do_not_share_a_server(pytester: pytest.Pytester, server: FakeEtcd) -> None:
    pytester.makepyfile("def test_it(fake_etcd): pass")
    result = pytester.runpytest_subprocess(f"--etcd={server.endpoint}", "-n2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "several workers would delete each other's keys" in result.stderr.str()
    result = pytester.runpytest_subprocess(f"--etcd={server.endpoint}", "-n1")
    result.assert_outcomes(passed=1)


def test_a_server_that_does_not_answer_fails_tests_with_one_sentence(run: Runner) -> None:
    with FakeEtcd() as gone:
        address = gone.endpoint
    output = run("def test_it(fake_etcd): pass", f"--etcd={address}", errors=1)
    assert f"{address} cannot be wiped for tests: failed to connect to all addresses" in output


def test_a_failure_shows_the_keys_of_a_server(run: Runner, server: FakeEtcd) -> None:
    output = run(
        """
        def test_it(fake_etcd):
            fake_etcd.store.put("a", "1")
            assert False
        """,
        f"--etcd={server.endpoint}",
        failed=1,
    )
    assert "- etcd -" in output
    shown = "calls are seen by the emulator only\n\nkeys at revision 2:\n  'a': '1'\n"
    assert f"-\n{shown}" in output


def refuse(name: str) -> None:
    raise LookupError(name)


def test_everything_that_an_emulator_has_is_there_or_refused(server: FakeEtcd) -> None:
    with RealEtcd([server.endpoint], 1, refuse) as etcd:  # type: ignore[arg-type]  # it raises
        public = {name for name in dir(server) if name[0] != "_"}
        names = set(dir(etcd))
        assert public & names >= {"channel", "store", "seed", "endpoints", "url", "close"}
        for name in public - names:
            with pytest.raises(LookupError) as caught:
                getattr(etcd, name)
            assert caught.value.args == (name,)


def test_its_channels_are_grpcs(server: FakeEtcd) -> None:
    async def put_and_get() -> None:
        async with RealEtcd([server.endpoint], 2, refuse) as etcd:  # type: ignore[arg-type]
            async with etcd.aio_channel(1) as channel:
                put: Any = channel.unary_unary(
                    "/etcdserverpb.KV/Put", m.PutRequest.SerializeToString, m.PutResponse.FromString
                )
                assert (await put(m.PutRequest(key=b"a"))).header.revision == 2
            inside = etcd.channel(1)
            assert stub(inside, "KV/Range")(m.RangeRequest(key=b"a")).count == 1
        assert etcd.is_closed
        with pytest.raises(ValueError, match="Cannot invoke RPC"):
            stub(inside, "KV/Range")(m.RangeRequest(key=b"a"))

    asyncio.run(put_and_get())


def test_refusals_are_raised_as_the_emulators_are(server: FakeEtcd) -> None:
    with RealEtcd([server.endpoint], 1, refuse) as etcd:  # type: ignore[arg-type]
        for each in (server, etcd):
            with pytest.raises(Exception, match=r"^etcdserver: key is not provided$") as caught:
                each.store.put("", "")
            assert caught.value.status.code == 3  # type: ignore[attr-defined]  # EtcdError's
