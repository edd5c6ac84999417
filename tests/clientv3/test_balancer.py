"""Which endpoint calls go to, while endpoints come and go."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from fake_etcd import clientv3
from fake_etcd.clientv3 import Config, context
from fake_etcd.testing import FakeEtcd
from tests.clientv3.faces import Face
from tests.clientv3.servers import PATIENCE, Gate, Member, in_thread, until


@pytest.fixture
def stack(face: Face) -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def members(stack: ExitStack) -> Callable[[int], list[Member]]:
    """Makes members numbered from 1."""

    def make(count: int) -> list[Member]:
        made = [Member(number) for number in range(1, count + 1)]
        for member in made:
            stack.callback(member.close)
        return made

    return make


@pytest.fixture
def connect(face: Face, stack: ExitStack) -> Callable[..., Any]:
    """Makes a client of endpoints."""

    def make(*endpoints: str, **fields: Any) -> Any:
        cli = face.client(Config(endpoints=endpoints, **fields))
        stack.callback(cli.close)
        return cli

    return make


def who(cli: Any, timeout: float = PATIENCE) -> int:
    """Which member answers a call."""
    number: int = cli.get("k", timeout=timeout).header.member_id
    return number


def wait_for_all(cli: Any, numbers: set[int]) -> None:
    """Call until each of the members has answered."""
    missing = set(numbers)
    until = time.monotonic() + PATIENCE
    while missing and time.monotonic() < until:
        missing -= {who(cli)}
    assert not missing


def test_calls_go_to_each_endpoint_in_turn(
    members: Callable[[int], list[Member]], connect: Callable[..., Any]
) -> None:
    cli = connect(*(member.endpoint for member in members(3)))
    wait_for_all(cli, {1, 2, 3})
    assert Counter(who(cli) for _ in range(30)) == {1: 10, 2: 10, 3: 10}


def test_an_endpoint_that_dies_is_left_out_until_it_comes_back(
    members: Callable[[int], list[Member]], connect: Callable[..., Any]
) -> None:
    first, second = members(2)
    cli = connect(first.endpoint, second.endpoint)
    wait_for_all(cli, {1, 2})
    second.stop()
    assert {who(cli) for _ in range(10)} == {1}
    second.start()
    wait_for_all(cli, {1, 2})


@pytest.mark.parametrize("count", [1, 2])
def test_a_call_waits_until_one_lives(
    members: Callable[[int], list[Member]], connect: Callable[..., Any], count: int
) -> None:
    both = members(count)
    cli = connect(*(member.endpoint for member in both))
    for member in both:
        member.stop()
    with pytest.raises(context.DeadlineExceeded):
        who(cli, timeout=0.05)
    answer = in_thread(lambda: who(cli))
    both[-1].start()
    assert answer.result(PATIENCE) == count


def test_an_endpoint_that_hangs_in_connecting_holds_nobody_up(
    members: Callable[[int], list[Member]], connect: Callable[..., Any], stack: ExitStack
) -> None:
    (member,) = members(1)
    hanging = Gate(None)
    stack.callback(hanging.close)
    cli = connect(hanging.endpoint, member.endpoint)
    assert [who(cli, timeout=2.0) for _ in range(10)] == [1] * 10
    hanging.wait_for_open(1)


def test_endpoints_change_while_calls_are_open(
    members: Callable[[int], list[Member]], connect: Callable[..., Any], stack: ExitStack
) -> None:
    old, new = members(2)
    gate = Gate(old.endpoint)
    stack.callback(gate.close)
    begun, end = threading.Event(), threading.Event()

    def hold(rpc: str, _: object) -> None:
        if rpc == "KV/Put":
            begun.set()
            assert end.wait(PATIENCE)

    old.plan = hold
    cli = connect(gate.endpoint)
    answer = in_thread(lambda: cli.put("k", "v").header.member_id)
    assert begun.wait(PATIENCE)
    cli.set_endpoints(new.endpoint)
    assert cli.endpoints == (new.endpoint,)
    assert [who(cli), gate.open, answer.done()] == [2, 1, False]
    end.set()
    assert answer.result(PATIENCE) == 1
    gate.wait_for_open(0)
    cli.set_endpoints(new.endpoint, gate.endpoint)
    wait_for_all(cli, {1, 2})


def test_endpoints_change_while_a_stream_is_open(
    members: Callable[[int], list[Member]], connect: Callable[..., Any], stack: ExitStack
) -> None:
    old, new = members(2)
    gate = Gate(old.endpoint)
    stack.callback(gate.close)
    end = threading.Event()

    def hold(rpc: str, _: object) -> None:
        assert rpc == "KV/RangeStream" or end.wait(PATIENCE)

    old.plan = hold
    cli = connect(gate.endpoint)
    parts = cli.get_stream("k")
    assert next(parts).header.member_id == 1
    cli.set_endpoints(new.endpoint)
    assert [who(cli), gate.open] == [2, 1]
    end.set()
    with pytest.raises(StopIteration):
        next(parts)
    gate.wait_for_open(0)


def test_closing_ends_calls_on_endpoints_that_are_gone(
    members: Callable[[int], list[Member]], connect: Callable[..., Any]
) -> None:
    old, new = members(2)
    begun, end = threading.Event(), threading.Event()

    def hold(_: str, __: object) -> None:
        begun.set()
        assert end.wait(PATIENCE)

    old.plan = hold
    cli = connect(old.endpoint)
    answer = in_thread(lambda: who(cli))
    assert begun.wait(PATIENCE)
    cli.set_endpoints(new.endpoint)
    cli.close()
    assert isinstance(answer.exception(PATIENCE), clientv3.ClientClosed)
    end.set()


def test_spellings_of_one_endpoint_are_one_connection(
    members: Callable[[int], list[Member]], connect: Callable[..., Any], stack: ExitStack
) -> None:
    gate, other = (Gate(member.endpoint) for member in members(2))
    for each in (gate, other):
        stack.callback(each.close)
    spelled = (gate.endpoint, f"http://{gate.endpoint}", f"HTTP://{gate.endpoint}/", gate.endpoint)
    cli = connect(*spelled)
    assert cli.endpoints == spelled
    assert [who(cli) for _ in range(4)] == [1] * 4
    cli.set_endpoints(f"http://{gate.endpoint}", other.endpoint)
    wait_for_all(cli, {1, 2})
    assert (gate.accepted, other.accepted) == (1, 1)


def test_a_closed_client_has_no_connections(
    members: Callable[[int], list[Member]], connect: Callable[..., Any], stack: ExitStack
) -> None:
    gates = [Gate(member.endpoint) for member in members(2)]
    for gate in gates:
        stack.callback(gate.close)
    cli = connect(*(gate.endpoint for gate in gates))
    wait_for_all(cli, {1, 2})
    cli.close()
    for gate in gates:
        gate.wait_for_open(0)


def test_two_clients_have_connections_of_their_own(
    members: Callable[[int], list[Member]], connect: Callable[..., Any], stack: ExitStack
) -> None:
    gate = Gate(members(1)[0].endpoint)
    stack.callback(gate.close)
    one, other = connect(gate.endpoint), connect(gate.endpoint)
    assert [who(one), who(other), gate.open] == [1, 1, 2]
    one.close()
    gate.wait_for_open(1)
    assert who(other) == 1


def test_a_client_looks_at_the_members_now_and_then(
    new_client: Callable[..., Any], fake_etcd: FakeEtcd
) -> None:
    clock = fake_etcd.clock
    clock.freeze()
    began = clock.now
    url = f"http://{fake_etcd.endpoints[0]}"
    cli = new_client(auto_sync_interval=30.0, clock=clock)
    until(lambda: _has_moved_on(fake_etcd))
    assert clock.now == pytest.approx(began + 30.0)
    until(lambda: cli.endpoints == (url,))
    fake_etcd.advertise([url, "http://127.0.0.1:1"])
    until(lambda: _has_moved_on(fake_etcd))
    assert clock.now == pytest.approx(began + 60.0)
    until(lambda: cli.endpoints == (url, "http://127.0.0.1:1"))


def _has_moved_on(fake_etcd: FakeEtcd) -> bool:
    """To what is due next, where anything is."""
    try:
        fake_etcd.clock.advance_to_next()
    except RuntimeError:
        return False
    return True
