"""The servers that scenarios run on: what they are called, and what happens to their keys."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import golang, oracle, targets
from conformance.keys import folder
from conformance.oracle import NoOracle
from conformance.session import Session
from conformance.targets import (
    CouldNotRun,
    FakeEtcd,
    RealEtcd,
    SharedServer,
    Started,
    Target,
    named,
)
from fake_etcd.api import messages as m
from fake_etcd.cli import background

from .strange import GrpcMethod, grpc_server


@pytest.fixture
def url() -> Iterator[str]:
    """A server that holds two keys, at revision 3."""
    with background.serve() as url, session(url) as s:
        s.put(key=b"a")
        s.put(key=b"\xff")
        yield url


def session(url: str) -> contextlib.closing[Session]:
    return contextlib.closing(Session(url))


def keys(url: str) -> list[bytes]:
    with session(url) as s:
        return [kv.key for kv in s.range(key=b"\0", range_end=b"\0").kvs]


def revision(url: str) -> int:
    with session(url) as s:
        return s.range(key=b"a").header.revision


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("fake_etcd", FakeEtcd()),
        ("etcd", RealEtcd(oracle.VERSION)),
        ("etcd@", RealEtcd(oracle.VERSION)),
        ("etcd@3.6.16", RealEtcd("3.6.16")),
        ("http://127.0.0.1:2379", SharedServer("http://127.0.0.1:2379")),
        ("127.0.0.1:2379", SharedServer("http://127.0.0.1:2379")),
        ("localhost:1", SharedServer("http://localhost:1")),
        ("[::1]:2379", SharedServer("http://[::1]:2379")),
        ("http://etcd:2379/", SharedServer("http://etcd:2379")),
    ],
)
def test_a_target_has_a_name(text: str, target: Target) -> None:
    assert named(text) == target
    assert named(text).is_shared == isinstance(target, SharedServer)


@pytest.mark.parametrize(
    "text",
    ["", "fake", "etcd3", "https://h:1", "unix:/s", "http://h", "http://h:", ":1", "http://u@h:1"],
)
def test_anything_else_is_no_server(text: str) -> None:
    with pytest.raises(CouldNotRun) as caught:
        named(text)
    assert str(caught.value) == (
        f"{text!r} is no server: fake_etcd, etcd@VERSION or http://HOST:PORT"
    )


def test_half_an_ipv6_address_is_no_server() -> None:
    with pytest.raises(CouldNotRun):
        named("http://[::1")


def test_only_a_shared_server_may_be_wiped_because_somebody_says_so() -> None:
    assert named("h:1", may_wipe=True) == SharedServer("http://h:1", may_wipe=True)
    assert named("fake_etcd", may_wipe=True) == FakeEtcd()


def test_targets_are_called_what_they_are_named_by() -> None:
    texts = ["fake_etcd", "etcd@3.6.16", "http://h:1"]
    assert [named(text).name for text in texts] == texts


def test_fake_etcd_is_a_new_server_each_time() -> None:
    with FakeEtcd().server(()) as one, FakeEtcd().server(()) as other:
        assert (one == Started(one.url), one.url != other.url) == (True, True)
        with session(one.url) as s:
            s.put(key=b"a")
        assert (keys(one.url), keys(other.url)) == ([b"a"], [])


def test_why_there_is_no_real_etcd_is_why_it_could_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (golang.NoGo("no toolchain"), NoOracle("it does not start")):

        def start(*arguments: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(oracle, "start", start)
        with pytest.raises(CouldNotRun, match=str(error)), RealEtcd().server(()):
            pass


def test_a_shared_server_without_keys_is_taken_with_its_history() -> None:
    with background.serve() as url:
        with session(url) as s:
            for _ in range(4):
                s.put(key=b"a")
            s.delete_range(key=b"a")
        with SharedServer(url).server(()) as given:
            assert given == Started(url, 5)
        assert revision(url) == 6, "nothing was there to be deleted"


def test_a_new_shared_server_has_had_no_revision() -> None:
    with background.serve() as url, SharedServer(url).server(()) as given:
        assert given == Started(url)


def test_somebody_elses_keys_are_left_alone(url: str) -> None:
    target = SharedServer(url)
    for _ in range(2):
        with pytest.raises(CouldNotRun) as caught, target.server(()):
            pass
        assert str(caught.value) == (
            f"{url} holds 2 keys, and scenarios delete everything there is: give --wipe if they may"
        )
    assert (keys(url), revision(url)) == ([b"a", b"\xff"], 3)


def test_keys_that_may_be_wiped_are_deleted_before_and_after_each_scenario(url: str) -> None:
    target = SharedServer(url, may_wipe=True)
    with target.server(()) as given:
        assert given == Started(url, 3)
        assert keys(url) == []
        with session(url) as s:
            s.put(key=b"\0")
    assert keys(url) == []
    with target.server(()) as given:
        assert given == Started(url, 5)


def test_leases_are_revoked_as_keys_are_deleted() -> None:
    with background.serve() as url:
        target = SharedServer(url)
        for number in range(2):
            with target.server(()) as given, session(url) as s:
                assert given == Started(url, number * 2), "a put, and its deletion with the lease"
                s.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=7, TTL=60))
                s.put(key=b"a", lease=7)
                assert targets.lease_ids(url) == [7]
            assert targets.lease_ids(url) == []


def test_somebody_elses_leases_are_left_alone_too() -> None:
    with background.serve() as url, session(url) as s:
        for id in (7, 8):
            s.call("Lease/LeaseGrant", m.LeaseGrantRequest(ID=id, TTL=60))
        with pytest.raises(CouldNotRun) as caught, SharedServer(url).server(()):
            pass
        assert str(caught.value).startswith(f"{url} holds 2 leases, and ")
        assert targets.lease_ids(url) == [7, 8]
        with SharedServer(url, may_wipe=True).server(()):
            assert targets.lease_ids(url) == []


def test_what_somebody_writes_between_two_scenarios_is_deleted_too() -> None:
    with background.serve() as url:
        target = SharedServer(url)
        with target.server(()):
            pass
        with session(url) as s:
            s.put(key=b"between")
        with target.server(()) as given:
            assert (given, keys(url)) == (Started(url, 2), [])


def test_a_shared_server_has_the_flags_it_has(url: str) -> None:
    with (
        pytest.raises(CouldNotRun, match=r"^needs a server that was started with --a=1 --b$"),
        SharedServer(url, may_wipe=True).server(("--a=1", "--b")),
    ):
        pass
    assert len(keys(url)) == 2


def test_an_address_that_nobody_listens_on_could_not_run() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    for target in (SharedServer(url), SharedServer(url, may_wipe=True)):
        with pytest.raises(CouldNotRun) as caught, target.server(()):
            pass
        assert str(caught.value).startswith(f"{url}: ")
        assert "UNAVAILABLE" in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


def test_no_proxy_is_between_us_and_a_server(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for name in ("no_proxy", "no_grpc_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert keys(url) == [b"a", b"\xff"]
    assert targets.count_keys(url) == 2


def test_a_program_is_built_once_and_again_when_the_toolchain_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(golang, "version", lambda: "go1")
    built: list[Path] = []

    def build(path: Path) -> None:
        built.append(path)
        path.write_text("program")

    first = golang.kept("p", b"a", build)
    assert golang.kept("p", b"a", build) == first
    assert first.read_text() == "program"
    assert len(built) == 1
    assert golang.kept("p", b"b", build) != first
    monkeypatch.setattr(golang, "version", lambda: "go2")
    assert golang.kept("p", b"a", build) != first
    assert len(list((tmp_path / "fake_etcd" / "go").iterdir())) == len(built) == 3


def test_a_build_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(golang, "version", lambda: "go1")

    def build(path: Path) -> None:
        path.write_text("half a program")
        raise golang.NoGo("too old")

    with pytest.raises(golang.NoGo, match="too old"):
        golang.kept("p", b"", build)
    assert list((tmp_path / "fake_etcd" / "go").iterdir()) == []


def test_without_go_there_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(golang.NoGo, match=r"^no Go toolchain: there is no `go` on the PATH$"):
        golang.version()


def test_ports_are_given_once() -> None:
    ports = [port for _ in range(20) for port in oracle.free_ports(3)]
    assert len(set(ports)) == 60


# Users and roles


@contextlib.contextmanager
def with_people(password: str) -> Iterator[str]:
    """A server that asks who it is; root has this password."""
    with background.serve() as url, session(url) as s:
        s.call("Auth/UserAdd", m.AuthUserAddRequest(name="root", password=password))
        s.call("Auth/UserGrantRole", m.AuthUserGrantRoleRequest(user="root", role="root"))
        s.call("Auth/RoleAdd", m.AuthRoleAddRequest(name="r"))
        s.call("Auth/AuthEnable", m.AuthEnableRequest())
        yield url


def test_authentication_is_switched_off_and_everybody_deleted_around_each_scenario() -> None:
    with with_people(targets.ROOT_PASSWORD) as url:
        target = SharedServer(url, may_wipe=True)
        with target.server(()) as given, session(url) as s:
            # 1 and what was made of it: three additions and a grant, off, two deletions.
            assert given == Started(url, 0, 6)
            assert targets.users_and_roles(url) == ([], [])
            s.call("Auth/RoleAdd", m.AuthRoleAddRequest(name="left"))
            assert s.put(key=b"a").header.revision == 2
        assert targets.users_and_roles(url) == ([], [])
        with target.server(()) as given:
            assert given == Started(url, 2, 8)


def test_a_server_that_asks_who_it_is_is_left_alone() -> None:
    with (
        with_people(targets.ROOT_PASSWORD) as url,
        pytest.raises(CouldNotRun) as caught,
        SharedServer(url).server(()),
    ):
        pass
    assert str(caught.value) == (
        f"{url} asks for authentication, which scenarios switch on themselves"
    )


def test_a_server_whose_root_has_another_password_cannot_be_wiped() -> None:
    with (
        with_people("another") as url,
        pytest.raises(CouldNotRun, match="invalid user ID or password"),
        SharedServer(url, may_wipe=True).server(()),
    ):
        pass


@pytest.mark.parametrize("what", ["users", "roles"])
def test_somebody_elses_users_and_roles_are_left_alone(what: str) -> None:
    with background.serve() as url, session(url) as s:
        if what == "users":
            s.call("Auth/UserAdd", m.AuthUserAddRequest(name="x", password="x"))
        else:
            s.call("Auth/RoleAdd", m.AuthRoleAddRequest(name="x"))
        with pytest.raises(CouldNotRun) as caught, SharedServer(url).server(()):
            pass
        assert str(caught.value).startswith(f"{url} holds 1 {what}, and ")
        assert sorted(targets.users_and_roles(url)) == [[], ["x"]]


def test_a_server_without_such_a_service_has_no_users() -> None:
    def version_1(requests: Iterator[bytes], context: object) -> Iterator[bytes]:
        yield m.DeleteRangeResponse(header=m.ResponseHeader(revision=1)).SerializeToString()

    methods: dict[str, GrpcMethod] = {
        "/etcdserverpb.KV/DeleteRange": version_1,
        "/etcdserverpb.KV/Range": version_1,
    }
    with grpc_server(methods) as url, SharedServer(url).server(()) as given:
        assert given == Started(url, 0, 0)


def test_a_flag_may_name_the_folder_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    @contextlib.contextmanager
    def serve(flags: object) -> Iterator[str]:
        given.append(flags)
        yield "http://127.0.0.1:1"

    monkeypatch.setattr(background, "serve", serve)
    with FakeEtcd().server(("--a={key}", "--b={keys}/rsa,c={keys}/rsa.pub")):
        pass
    assert given == [("--a={key}", f"--b={folder()}/rsa,c={folder()}/rsa.pub")]
