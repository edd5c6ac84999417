"""The configuration watcher, when nothing goes wrong and when anything does."""

from __future__ import annotations

from functools import partial
from types import ModuleType

from examples import config_watcher
from examples.config_watcher import ConfigWatcher
from examples.etcd import Etcd
from examples.one_line_less import one_line_less
from fake_etcd.testing import FakeEtcd, faults


def test_it_follows_every_change_below_its_prefix(fake_etcd: FakeEtcd) -> None:
    fake_etcd.store.load({"config/color": "green", "config/size": "10", "other": "1"})
    watcher = ConfigWatcher(Etcd(fake_etcd.channel()), "config/")
    assert watcher.settings == {"color": "green", "size": "10"}
    fake_etcd.store.put("other", "2")
    fake_etcd.store.put("config/color", "blue")
    watcher.wait()
    assert watcher.settings == {"color": "blue", "size": "10"}
    fake_etcd.store.delete("config/size")
    watcher.wait()
    assert watcher.settings == {"color": "blue"}
    watcher.close()


def test_it_misses_nothing_while_it_is_cut_off(fake_etcd: FakeEtcd) -> None:
    fake_etcd.store.put("config/color", "green")
    watcher = ConfigWatcher(Etcd(fake_etcd.channel()), "config/")
    with fake_etcd.down():
        fake_etcd.store.put("config/color", "red")
        fake_etcd.store.put("config/size", "10")
    watcher.wait()
    assert watcher.settings == {"color": "red", "size": "10"}
    watcher.close()


def test_it_reads_everything_again_where_history_is_gone(fake_etcd: FakeEtcd) -> None:
    fake_etcd.store.load({"config/color": "green", "config/size": "10"})
    watcher = ConfigWatcher(Etcd(fake_etcd.channel()), "config/")
    with fake_etcd.down():
        fake_etcd.store.delete("config/size")
        fake_etcd.store.put("config/color", "blue")
    Etcd(fake_etcd.channel()).compact(fake_etcd.store.revision)
    watcher.wait()
    assert watcher.settings == {"color": "blue"}
    fake_etcd.store.put("config/color", "red")
    watcher.wait()
    assert watcher.settings == {"color": "red"}
    watcher.close()


def story(app: ModuleType, etcd: FakeEtcd) -> None:
    """A setting goes, and etcd is compacted before the watcher looks."""
    etcd.store.load({"config/color": "green", "config/size": "10"})
    watcher = app.ConfigWatcher(Etcd(etcd.channel()), "config/")
    etcd.store.delete("config/size")
    etcd.store.put("other", "1")
    Etcd(etcd.channel()).compact(etcd.store.revision)
    watcher.wait()
    watcher.close()
    assert watcher.settings == {"color": "green"}


def test_no_fault_breaks_it(fake_etcd: FakeEtcd) -> None:
    fake_etcd.explore(partial(story, config_watcher)).assert_ok()


def test_one_line_less_and_a_setting_outlives_its_end(fake_etcd: FakeEtcd) -> None:
    app = one_line_less(config_watcher, "self.settings.clear()")
    found = fake_etcd.explore(partial(story, app))
    # Whether it began or not, the watch is lost, and with it what was deleted.
    assert [outcome.place.number for outcome in found.broken] == [2, 2]
    assert {outcome.place.effect for outcome in found.broken} == {
        faults.drop(),
        faults.lose_answer(),
    }
