"""Kubernetes' API server on ours: what it is there for, and the same on real etcd."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kubernetes import apiserver, etcds, objects
from tests.kubernetes.apiserver import ApiServer
from tests.kubernetes.client import Client, Json, Refused
from tests.kubernetes.etcds import Etcd
from tests.kubernetes.objects import config_map, config_maps, namespace, revision

OBJECTS, CLIENTS, PAGE = 5000, 8, 500
WITHIN_SECONDS = 60.0
"""What is waited for comes long before."""


def names(listed: Json) -> list[str]:
    return [item["metadata"]["name"] for item in listed["items"]]


def test_it_says_that_it_is_ready_and_that_its_etcd_is(api: ApiServer) -> None:
    with api.client() as client:
        status, text = client.text("/readyz?verbose")
    assert status == 200
    assert {"[+]etcd ok", "[+]etcd-readiness ok", "readyz check passed"} <= set(text.split("\n"))


def test_five_thousand_objects_from_eight_clients_have_each_a_revision_of_their_own(
    api: ApiServer,
) -> None:
    with api.client() as client:
        client.create("/api/v1/namespaces", namespace("many"))
        made = objects.create_many(api, "many", OBJECTS, CLIENTS)
        assert len({revision(one) for one in made.values()}) == OBJECTS
        pages = list(client.pages(config_maps("many"), PAGE))
        assert [len(page["items"]) for page in pages] == [PAGE] * (OBJECTS // PAGE)
        assert len({revision(page) for page in pages}) == 1
        listed = [item for page in pages for item in page["items"]]
        assert [item["metadata"]["name"] for item in listed] == sorted(made)
        for item in listed:
            one = made[item["metadata"]["name"]]
            assert (item["metadata"], item["data"]) == (one["metadata"], one["data"])


def test_later_pages_are_of_the_first_ones_revision(api: ApiServer) -> None:
    with api.client() as client:
        client.create("/api/v1/namespaces", namespace("pages"))
        objects.create_many(api, "pages", 30, 1)
        pages = client.pages(config_maps("pages"), 10)
        first = next(pages)
        client.create(config_maps("pages"), config_map("cm-00015-later"))
        client.delete(f"{config_maps('pages')}/cm-00029")
        rest = list(pages)
        assert {revision(page) for page in rest} == {revision(first)}
        seen = [name for page in (first, *rest) for name in names(page)]
        assert seen == [f"cm-{number:05}" for number in range(30)]


def test_a_watch_goes_on_from_its_bookmark(api: ApiServer) -> None:
    where = config_maps("bookmarks")
    with api.client() as client:
        client.create("/api/v1/namespaces", namespace("bookmarks"))
        start = revision(client.get(where))
        first = client.create(where, config_map("a"))
        with api.client() as watcher:
            events = watcher.watch(
                where, resourceVersion=start, allowWatchBookmarks="true", timeoutSeconds=5
            )
            added = next(events)
            assert (added["type"], revision(added["object"])) == ("ADDED", revision(first))
            # What the watch does not see, but its bookmark says: that comes two seconds before the
            # watch ends, and only where there is something later than its last event.
            elsewhere = client.create(config_maps("default"), config_map("unseen"))
            # It may come twice: it is meant for a second, not for a moment.
            marks = {(event["type"], revision(event["object"])) for event in events}
        marked = revision(elsewhere)
        assert marks == {("BOOKMARK", marked)}
        second = client.create(where, config_map("b"))
        third = client.replace(f"{where}/a", config_map("a", now="changed"))
        client.delete(f"{where}/b")
        with api.client() as watcher:
            resumed = [
                (event["type"], event["object"]["metadata"]["name"], revision(event["object"]))
                for event in watcher.watch(where, resourceVersion=marked, timeoutSeconds=2)
            ]
        assert resumed[:2] == [
            ("ADDED", "b", revision(second)),
            ("MODIFIED", "a", revision(third)),
        ]
        (deleted,) = resumed[2:]
        assert deleted == ("DELETED", "b", revision(third) + 1)


def test_a_watch_that_sends_what_is_there_says_where_that_ends(api: ApiServer) -> None:
    where = config_maps("initial")
    with api.client() as client, api.client() as watcher:
        client.create("/api/v1/namespaces", namespace("initial"))
        made = objects.create_many(api, "initial", 3, 1)
        events = watcher.watch(
            where,
            sendInitialEvents="true",
            allowWatchBookmarks="true",
            resourceVersionMatch="NotOlderThan",
            timeoutSeconds=30,
        )
        seen: list[str] = []
        for event in events:
            if event["type"] == "BOOKMARK":
                assert event["object"]["metadata"]["annotations"] == {
                    "k8s.io/initial-events-end": "true"
                }
                assert revision(event["object"]) >= max(map(revision, made.values()))
                break
            seen.append(event["object"]["metadata"]["name"])
        assert sorted(name for name in seen if name.startswith("cm-")) == sorted(made)


def test_a_stale_write_is_refused_and_changes_nothing(api: ApiServer) -> None:
    where = config_maps("stale")
    with api.client() as client:
        client.create("/api/v1/namespaces", namespace("stale"))
        old = client.create(where, config_map("a", at="1"))
        new = client.replace(f"{where}/a", old | {"data": {"at": "2"}})
        with pytest.raises(Refused) as refused:
            client.replace(f"{where}/a", old | {"data": {"at": "3"}})
        assert (refused.value.code, refused.value.status["reason"]) == (409, "Conflict")
        assert client.get(f"{where}/a") == new
        with pytest.raises(Refused) as refused:
            client.create(where, config_map("a"))
        assert (refused.value.code, refused.value.status["reason"]) == (409, "AlreadyExists")


def test_a_collection_is_deleted_as_a_whole(api: ApiServer) -> None:
    with api.client() as client:
        for name in ("gone", "kept"):
            client.create("/api/v1/namespaces", namespace(name))
            objects.create_many(api, name, 50, 2)
        client.delete(config_maps("gone"))
        assert client.get(config_maps("gone"))["items"] == []
        assert len(client.get(config_maps("kept"))["items"]) == 50


def event(name: str, where: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": where},
        "involvedObject": {"kind": "ConfigMap", "name": "a", "namespace": where},
        "reason": "Tried",
        "type": "Normal",
    }


def until_refused(call: Callable[[], object]) -> tuple[int, str]:
    """Call until it is refused; gives the code and the reason."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while time.monotonic() < deadline:
        try:
            call()
        except Refused as refused:
            return refused.code, refused.status["reason"]
        time.sleep(0.2)
    raise AssertionError(f"not refused within {WITHIN_SECONDS} s")


def test_events_go_with_their_leases_and_old_revisions_by_compaction(
    etcd: Etcd, tmp_path: Path
) -> None:
    flags = ("--event-ttl=4s", "--etcd-compaction-interval=2s", "--etcd-prefix=/compacted")
    where = "/api/v1/namespaces/default/events"
    with apiserver.running(tmp_path, etcd.url, flags=flags) as api, api.client() as client:
        client.create(where, event("short", "default"))
        assert client.get(f"{where}/short")["reason"] == "Tried"
        old = revision(client.create(config_maps("default"), config_map("a")))

        def list_old() -> None:
            # Something new, so that there is a later revision to compact to.
            client.replace(f"{config_maps('default')}/a", config_map("a", at=str(time.time())))
            client.get(
                config_maps("default"), resourceVersion=old, resourceVersionMatch="Exact", limit=1
            )

        assert until_refused(list_old) == (410, "Expired")
        assert until_refused(lambda: client.get(f"{where}/short")) == (404, "NotFound")
        assert names(client.get(config_maps("default"), limit=1)) == ["a"]


def test_an_api_server_started_again_has_all_of_it(etcd: Etcd, tmp_path: Path) -> None:
    flags = ("--etcd-prefix=/restarted",)
    where = config_maps("again")
    with apiserver.running(tmp_path, etcd.url, flags=flags) as api, api.client() as client:
        client.create("/api/v1/namespaces", namespace("again"))
        made = objects.create_many(api, "again", 100, 4)
        before = client.get(where)
    with apiserver.running(tmp_path, etcd.url, flags=flags) as api, api.client() as client:
        after = client.get(where)
        assert after["items"] == before["items"]
        assert names(after) == sorted(made)
        with api.client() as watcher:
            changed = client.replace(f"{where}/cm-00000", config_map("cm-00000", at="new"))
            resumed = list(watcher.watch(where, resourceVersion=revision(before), timeoutSeconds=2))
        assert [(one["type"], revision(one["object"])) for one in resumed] == [
            ("MODIFIED", revision(changed))
        ]


def etcd_requests(client: Client, resource: str) -> dict[str, int]:
    """How many requests for a resource the API server has sent to etcd, by its names of them."""
    _, text = client.text("/metrics")
    counted = re.compile(
        rf'^etcd_requests_total{{group="",operation="(\w+)",resource="{resource}"}} (\d+)$',
        re.MULTILINE,
    )
    return {operation: int(count) for operation, count in counted.findall(text)}


def test_without_a_cache_of_its_own_it_lists_and_watches_in_etcd(
    etcd: Etcd, tmp_path: Path
) -> None:
    flags = ("--watch-cache=false", "--etcd-prefix=/uncached")
    where = config_maps("uncached")
    with apiserver.running(tmp_path, etcd.url, flags=flags) as api, api.client() as client:
        client.create("/api/v1/namespaces", namespace("uncached"))
        start = revision(client.get("/api/v1/namespaces/uncached"))
        made = objects.create_many(api, "uncached", 1200, 4)
        before = etcd_requests(client, "configmaps")
        assert names(client.get(where)) == sorted(made)
        pages = client.pages(where, PAGE)
        first = next(pages)
        client.delete(f"{where}/cm-00900")
        rest = list(pages)
        assert {revision(page) for page in rest} == {revision(first)}
        assert [name for page in (first, *rest) for name in names(page)] == sorted(made)
        after = etcd_requests(client, "configmaps")
        # Each list is one stream; what it falls back to without RangeStream is called "list".
        assert after["listStream"] - before.get("listStream", 0) == 4
        assert "list" not in after
        with api.client() as watcher:
            seen = [
                (one["type"], one["object"]["metadata"]["name"], revision(one["object"]))
                for one in watcher.watch(where, resourceVersion=start, timeoutSeconds=3)
            ]
        added = sorted((revision(one), name) for name, one in made.items())
        assert seen[:-1] == [("ADDED", name, at) for at, name in added]
        assert seen[-1][:2] == ("DELETED", "cm-00900")


def test_it_runs_with_certificates_on_both_sides(
    programs: None, is_real: bool, tmp_path: Path
) -> None:
    with (
        etcds.with_tls(is_real) as etcd,
        apiserver.running(tmp_path, etcd.url, etcd.files) as api,
        api.client() as client,
    ):
        client.create("/api/v1/namespaces", namespace("tls"))
        made = objects.create_many(api, "tls", 500, CLIENTS)
        pages = list(client.pages(config_maps("tls"), 100))
        assert [name for page in pages for name in names(page)] == sorted(made)


def wait_until_it_writes_no_more(client: Client) -> None:
    """Let the API server make what it makes by itself; that goes on after it says it is ready."""
    deadline = time.monotonic() + WITHIN_SECONDS
    at, still = 0, 0
    while still < 12:
        assert time.monotonic() < deadline, f"still writing after {WITHIN_SECONDS} s"
        time.sleep(0.25)
        now = revision(client.get("/api/v1/namespaces"))
        at, still = now, still + 1 if now == at else 0


def script(client: Client) -> list[int | str]:
    """What one client does; gives the revisions that it saw, counted from the first."""
    where = config_maps("script")
    seen: list[int | str] = [revision(client.create("/api/v1/namespaces", namespace("script")))]
    seen += [revision(client.create(where, config_map(f"a-{number}"))) for number in range(10)]
    for number in range(0, 10, 2):
        changed = client.replace(f"{where}/a-{number}", config_map(f"a-{number}", x="y"))
        seen.append(revision(changed))
    # The same content again: Kubernetes writes nothing.
    seen.append(revision(client.replace(f"{where}/a-0", config_map("a-0", x="y"))))
    client.delete(f"{where}/a-3")
    with pytest.raises(Refused) as refused:
        client.delete(f"{where}/a-3")
    seen.append(refused.value.status["reason"])
    seen.append(revision(client.create(where, config_map("a-3"))))
    client.delete(where)
    seen.append(revision(client.create(where, config_map("last"))))
    seen += [revision(item) for item in client.get(where)["items"]]
    return [it if isinstance(it, str) else it - int(seen[0]) for it in seen]


def test_resource_versions_are_those_on_real_etcd(programs: None, tmp_path: Path) -> None:
    found = []
    for is_real in (True, False):
        folder = tmp_path / str(is_real)
        folder.mkdir()
        with (
            etcds.plain(is_real) as etcd,
            apiserver.running(folder, etcd.url) as api,
            api.client() as client,
        ):
            found.append(script(client))
    assert found[0] == found[1]
