"""What docs/pytest.md shows is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fake_etcd.core.node import NodeConfig
from fake_etcd.testing import FakeEtcd, history, options
from tests.testing.runs import Runner

pytest_plugins = ["pytester"]

CHECKOUT = Path(__file__).parents[2]
PAGE = (CHECKOUT / "docs" / "pytest.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("source", blocks("python"))
def test_its_tests_pass(pytester: pytest.Pytester, source: str) -> None:
    Runner(pytester)(source, passed=1)


def test_its_ini_file_and_seed_are_understood(pytester: pytest.Pytester) -> None:
    (ini,), (seed,) = blocks("ini"), blocks("yaml")
    pytester.makeini(ini)
    pytester.mkdir("tests").joinpath("keys.yaml").write_text(seed)
    Runner(pytester)(
        r"""
        def test_it(fake_etcd):
            assert fake_etcd.node.config.max_txn_ops == 64
            assert fake_etcd.store.dump() == {
                "config/name": "shop",
                "config/secret": b"\xde\xad\xbe\xef",
                "services/a": "10.0.0.1:80",
            }
        """,
        passed=1,
    )


def test_its_report_is_what_a_failure_shows(pytester: pytest.Pytester) -> None:
    output = Runner(pytester)(
        """
        from examples.etcd import Etcd

        def test_it(fake_etcd):
            fake_etcd.clock.freeze()
            fake_etcd.clock.advance(1 - fake_etcd.clock.now)
            client = Etcd(fake_etcd.channel())
            client.put(b"a", b"1")
            fake_etcd.clock.advance(0.5)
            client.get(b"")
        """,
        failed=1,
    )
    (report,) = blocks("text")
    assert report in output


def test_its_bounds_are_those_of_the_history() -> None:
    assert f"The last {history.MOST_ENTRIES:,} calls and messages" in PAGE
    assert f"no more than {history.MOST_BYTES >> 20} MiB" in PAGE


def test_its_table_has_every_option_with_its_default() -> None:
    table = PAGE.partition("| option |")[2].partition("\n\n")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE))
    config = NodeConfig()
    assert set(rows) == {options.SEED, *options.known()}
    for name in rows:
        default = getattr(config, name, 0)
        if name != options.SEED and isinstance(default, (int, float)) and default:
            shown = str(default) if isinstance(default, bool) else f"{default:,.0f}"
            assert shown in rows[name], name


def test_everything_that_it_names_is_there() -> None:
    with FakeEtcd() as etcd:
        names = re.findall(r"`fake_etcd\.(\w+)", PAGE)
        assert names
        assert [name for name in names if not hasattr(etcd, name)] == []
