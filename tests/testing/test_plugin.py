"""The pytest plugin, in runs of pytest inside this one."""

from __future__ import annotations

import os
import re
import textwrap
import threading

import pytest

from tests.testing.runs import Runner

pytest_plugins = ["pytester"]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Runner:
    return Runner(pytester)


def test_each_test_begins_with_an_empty_etcd_of_its_own(run: Runner) -> None:
    run(
        """
        import pytest

        @pytest.mark.parametrize("number", range(3))
        def test_it(fake_etcd, number):
            assert fake_etcd.store.dump() == {}
            assert fake_etcd.store.revision == 1
            assert fake_etcd.history.calls() == []
            assert not fake_etcd.clock.is_frozen
            fake_etcd.clock.freeze()
            assert fake_etcd.store.put("a", str(number)) == 2
        """,
        passed=3,
    )


def test_the_next_test_has_the_same_ports_and_no_client_of_the_last(run: Runner) -> None:
    run(
        """
        import grpc
        from fake_etcd.api import messages as m
        from tests.testing.stubs import stub

        ports, answers = [], []

        def test_one(fake_etcd):
            ports.append(fake_etcd.port)
            with grpc.insecure_channel(fake_etcd.endpoint) as channel:
                put = stub(channel, "KV/Put")
                assert put(m.PutRequest(key=b"a"), wait_for_ready=True).header.revision == 2
            watch = stub(fake_etcd.channel(), "Watch/Watch")
            request = m.WatchRequest(create_request=m.WatchCreateRequest(key=b"a"))
            answers.append(watch(iter([request])))
            assert next(answers[0]).created

        def test_two(fake_etcd):
            assert [fake_etcd.port] == ports
            assert answers[0].code() == grpc.StatusCode.UNAVAILABLE
        """,
        passed=2,
    )


def test_a_test_may_close_its_etcd(run: Runner) -> None:
    run(
        """
        import pytest

        @pytest.mark.parametrize("number", range(2))
        def test_it(fake_etcd, number):
            fake_etcd.store.put("a", "1")
            fake_etcd.close()
        """,
        passed=2,
    )


def test_a_test_may_give_its_etcd_addresses(run: Runner) -> None:
    run(
        """
        import pytest

        seen = set()

        @pytest.mark.parametrize("number", range(2))
        def test_it(fake_etcd, number):
            assert fake_etcd.node.config.advertise_client_urls == ()
            fake_etcd.advertise(["http://etcd:2379"])
            seen.add(fake_etcd.listen("http://127.0.0.1:0"))
            assert len(seen) == number + 1
            assert len(fake_etcd._ports._listening.addresses[0]) == 1
        """,
        passed=2,
    )


def test_the_session_keeps_its_etcd_and_a_factory_gives_more(run: Runner) -> None:
    run(
        """
        import pytest

        seen = []

        @pytest.mark.parametrize("number", range(2))
        def test_it(fake_etcd, fake_etcd_session, fake_etcd_factory, number):
            assert fake_etcd_session.store.put("a", "1") == number + 2
            one, other = fake_etcd_factory(), fake_etcd_factory(endpoints=2)
            assert len(other.endpoints) == 2
            assert len({id(each) for each in (fake_etcd, fake_etcd_session, one, other)}) == 4
            for etcd in (fake_etcd, one, other):
                assert etcd.store.put("a", "1") == 2
        """,
        passed=2,
    )


OPTIONS = """
    from fake_etcd.testing.fake import FakeEtcd

    def options(etcd):
        config = etcd._beginning.config
        return (config.max_txn_ops, config.max_request_bytes, config.name, config.seed)
"""


def test_markers_win_over_the_command_line_and_that_over_the_ini_file(
    run: Runner, pytester: pytest.Pytester
) -> None:
    pytester.makeini(
        """
        [pytest]
        etcd_options =
            max_txn_ops = 1
            max_request_bytes = 1
            name = ini
        """
    )
    run(
        textwrap.dedent(OPTIONS)
        + textwrap.dedent(
            """
            import pytest

            pytestmark = pytest.mark.fake_etcd(random_seed=3, max_txn_ops=5)

            def test_module(fake_etcd):
                assert options(fake_etcd) == (5, 2, "ini", 3)

            @pytest.mark.fake_etcd(max_txn_ops=4)
            def test_function(fake_etcd, fake_etcd_factory, fake_etcd_session):
                assert options(fake_etcd) == (4, 2, "ini", 3)
                assert options(fake_etcd_factory(random_seed=9)) == (4, 2, "ini", 9)
                assert options(fake_etcd_session) == (2, 2, "ini", 0)
            """
        ),
        "--etcd-option=max_txn_ops=2",
        "--etcd-option",
        "max_request_bytes=2",
        passed=2,
    )


def test_the_order_of_options_is_in_the_help(pytester: pytest.Pytester) -> None:
    words = " ".join(pytester.runpytest_inprocess("--help").stdout.str().split())
    order = (
        "@pytest.mark.fake_etcd wins over --etcd-option, and that over the ini file's etcd_options"
    )
    assert words.count(order) == 2


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (
            "max_txn_op=2",
            "--etcd-option: FakeEtcd has no option 'max_txn_op'; 'max_txn_ops' is one",
        ),
        ("max_txn_ops", "--etcd-option: 'max_txn_ops' is no NAME=VALUE"),
        ("max_txn_ops=many", "--etcd-option: max_txn_ops: 'many' is no whole number"),
        ("max_txn_ops=-1", "--etcd-option: max_txn_ops=-1: it has to be 0 at least"),
    ],
)
def test_a_wrong_option_of_the_command_line_ends_the_run(
    pytester: pytest.Pytester, argument: str, message: str
) -> None:
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_inprocess(f"--etcd-option={argument}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("nope=1", "@pytest.mark.fake_etcd: FakeEtcd has no option 'nope'. Options are adv"),
        ("1", "@pytest.mark.fake_etcd takes options by name: max_txn_ops=64"),
        (
            "max_txn_ops='3'",
            "@pytest.mark.fake_etcd: max_txn_ops='3': it has to be a whole number",
        ),
        ("election_timeout_ms=1", "election_timeout_ms=1: at least five times heartbeat"),
    ],
)
def test_a_wrong_option_of_a_marker_fails_the_test(run: Runner, marker: str, message: str) -> None:
    output = run(
        f"""
        import pytest

        @pytest.mark.fake_etcd({marker})
        def test_it(fake_etcd):
            pass
        """,
        errors=1,
    )
    assert sum(line.startswith(message) for line in output.splitlines()) == 1
    assert "During handling" not in output


def test_a_seed_that_is_not_understood_fails_the_test(run: Runner) -> None:
    output = run(
        """
        import pytest

        @pytest.mark.fake_etcd(seed={"a": 1})
        def test_it(fake_etcd):
            pass

        @pytest.mark.fake_etcd(endpoints=0)
        def test_other(fake_etcd):
            pass

        def test_next(fake_etcd):
            assert fake_etcd.store.revision == 1
        """,
        errors=2,
        passed=1,
    )
    assert "seed: key 'a': the number 1; a value is text" in output
    assert "endpoints=0: it has to be 1 at least" in output


def test_seeds_are_read_from_beside_who_names_them(run: Runner, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\netcd_options = seed = all.json")
    pytester.path.joinpath("all.json").write_text('{"from": "ini"}')
    folder = pytester.mkdir("sub")
    folder.joinpath("mine.yaml").write_text("from: marker")
    folder.joinpath("test_sub.py").write_text(
        textwrap.dedent(
            """
            import pytest

            @pytest.mark.fake_etcd(seed="mine.yaml")
            def test_file(fake_etcd):
                assert fake_etcd.store.dump() == {"from": "marker"}

            @pytest.mark.fake_etcd(seed={"from": "mapping"})
            def test_mapping(fake_etcd):
                assert fake_etcd.store.dump() == {"from": "mapping"}
            """
        )
    )
    run(
        """
        def test_it(fake_etcd):
            assert fake_etcd.store.dump() == {"from": "ini"}
        """,
        passed=3,
    )


def test_a_failure_shows_calls_and_keys(run: Runner) -> None:
    output = run(
        """
        import pytest
        from fake_etcd.api import messages as m
        from tests.testing.stubs import stub

        @pytest.fixture
        def client(fake_etcd):
            fake_etcd.clock.freeze()
            fake_etcd.clock.advance(1.5 - fake_etcd.clock.now)
            return fake_etcd.channel()

        def test_it(client):
            stub(client, "KV/Put")(m.PutRequest(key=b"a", value=b"1"))
            stub(client, "KV/Range")(m.RangeRequest(key=b"a"))
            with pytest.raises(Exception, match="key is not provided"):
                stub(client, "KV/Range")(m.RangeRequest())
            assert False
        """,
        failed=1,
    )
    wanted = """
        calls:
              1.500 s  Put(key='a', value='1') -> OK, revision 2
              1.500 s  Range(key='a') -> OK, kvs=['a': '1' @2], count=1, revision 2
              1.500 s  Range() -> INVALID_ARGUMENT 'etcdserver: key is not provided'

        keys at revision 2:
          'a': '1'
        """
    assert textwrap.dedent(wanted).strip() in output
    assert "- etcd -" in output


@pytest.mark.parametrize(
    "assertion",
    ["assert_called('Put')", "assert_not_called('Range')", "wait_for('Put', timeout=0)"],
)
def test_a_failed_assertion_on_the_history_shows_the_line_of_the_test(
    run: Runner, assertion: str
) -> None:
    output = run(
        f"""
        from fake_etcd.api import messages as m
        from tests.testing.stubs import stub

        def test_it(fake_etcd):
            stub(fake_etcd.channel(), "KV/Range")(m.RangeRequest(key=b"a"))
            fake_etcd.history.{assertion}
        """,
        failed=1,
    )
    assert f">       fake_etcd.history.{assertion}\nE       " in output
    assert "history.py" not in output


def test_a_report_is_bounded_and_names_each_etcd(run: Runner) -> None:
    output = run(
        """
        import pytest
        from fake_etcd.api import messages as m
        from tests.testing.stubs import stub

        def test_it(fake_etcd, fake_etcd_factory, fake_etcd_session):
            other = fake_etcd_factory()
            other.close()
            put = stub(fake_etcd.channel(), "KV/Put")
            for number in range(50):
                put(m.PutRequest(key=b"%02d" % number, value=bytes(100_000)))
            assert False
        """,
        failed=1,
    )
    assert "- etcd 1 of 3 -" in output
    assert "- etcd 3 of 3 -" in output
    assert "the last 20 of 50 calls:" in output
    assert "Put(key='29'" not in output
    assert r"Put(key='30', value='\x00" in output
    assert "... (100000 bytes)) -> OK, revision 32" in output
    assert "  ... and 10 more\n" in output
    assert "the keys cannot be read: this FakeEtcd is closed" in output
    assert len(output) < 60_000


def test_a_test_that_passes_says_nothing(run: Runner) -> None:
    output = run("def test_it(fake_etcd): fake_etcd.store.put('a', '1')", "-rA", passed=1)
    assert "- etcd -" not in output


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_fails_and_ends_like_any_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os

        def test_it(fake_etcd, fake_etcd_session, fake_etcd_factory):
            fake_etcd_factory().port
            child = os.fork()
            if child:
                assert os.waitpid(child, 0)[1] == 0x100
            else:  # it goes on as pytest does
                fake_etcd.store.put("a", "1")
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-q")
    printed = result.stdout.str()
    sentence = "this etcd belongs to the process that made it; a forked child has to make its own"
    assert f"E       RuntimeError: {sentence}" in printed
    assert printed.count(f"the calls cannot be read: {sentence}") == 3
    # Behind it there may be a warning: Python 3.12 and later warn of a fork beside threads.
    assert re.findall(r"^1 (passed|failed)", printed, re.MULTILINE) == ["failed", "passed"]
    assert result.stderr.str() == ""
    assert result.ret == 0


def test_workers_of_xdist_have_etcds_of_their_own(run: Runner, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os, pathlib, pytest

        @pytest.mark.parametrize("number", range(4))
        def test_it(fake_etcd, fake_etcd_session, number):
            assert fake_etcd.store.revision == 1
            fake_etcd.store.put("a", "1")
            ports = f"{fake_etcd.port} {fake_etcd_session.port}"
            pathlib.Path(os.environ["PYTEST_XDIST_WORKER"]).write_text(ports)
        """
    )
    result = pytester.runpytest_subprocess("-n2", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=4)
    ports = [port for path in pytester.path.glob("gw*") for port in path.read_text().split()]
    assert len(set(ports)) == 4


def test_a_run_without_it_imports_nothing_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it():
            ours = sorted(name for name in sys.modules if name.startswith("fake_etcd"))
            names = ["", ".testing", ".testing.plugin", ".testing.target"]
            assert ours == ["fake_etcd" + name for name in names]
            assert not {"grpc", "google.protobuf", "yaml", "asyncio"} & set(sys.modules)
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_nothing_is_left_when_the_run_is_over(run: Runner) -> None:
    others = threading.enumerate()  # this run's own etcds, which end with it
    run(
        """
        def test_it(fake_etcd, fake_etcd_session):
            fake_etcd.port, fake_etcd_session.port
        """,
        passed=1,
    )
    left = [thread for thread in threading.enumerate() if thread not in others]
    assert [thread for thread in left if thread.name == "fake-etcd"] == []


def test_a_session_of_strict_markers_knows_the_marker(run: Runner) -> None:
    run(
        """
        import pytest

        @pytest.mark.fake_etcd(max_txn_ops=1)
        def test_it(fake_etcd):
            pass
        """,
        "--strict-markers",
        passed=1,
    )
