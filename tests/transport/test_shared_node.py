"""A node that several drive: what a finalizer may ask for at any moment, and time that moves on."""

from __future__ import annotations

import threading

from fake_etcd.core.node import Node
from fake_etcd.transport.shared_node import SharedNode


def test_what_a_finalizer_asks_for_is_done_at_once_where_nobody_holds_the_node() -> None:
    shared, done = SharedNode(Node(), {}), []
    shared.clear_away(lambda: done.append(1))
    assert done == [1]


def test_what_a_finalizer_asks_for_in_the_midst_of_a_change_is_done_after_it() -> None:
    shared, done = SharedNode(Node(), {}), []
    with shared:
        with shared:
            shared.clear_away(lambda: done.append(1))
        assert done == []
        shared.clear_away(lambda: shared.clear_away(lambda: done.append(3)))
        shared.clear_away(lambda: done.append(2))
    assert done == [1, 2, 3]


def test_what_a_finalizer_asks_for_never_waits_for_another_thread() -> None:
    shared, done = SharedNode(Node(), {}), []
    held, asked = threading.Event(), threading.Event()

    def hold() -> None:
        with shared:
            held.set()
            assert asked.wait(20)
            assert done == []

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(20)
    shared.clear_away(lambda: done.append(1))
    asked.set()
    thread.join(20)
    assert done == [1]


def test_callbacks_are_called_without_the_node_and_in_order() -> None:
    shared, told = SharedNode(Node(), {}), []

    def call(number: int) -> None:
        told.append(number)
        thread = threading.Thread(target=take)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()

    def take() -> None:
        with shared:
            pass

    with shared:
        with shared:
            shared.afterwards(lambda: call(1))
        shared.afterwards(lambda: call(2))
        assert told == []
    assert told == [1, 2]


def test_who_only_looks_is_no_call() -> None:
    shared = SharedNode(Node(), {})
    with shared:
        pass
    assert shared.calls == 1
    with shared.unnoticed() as same:
        assert same is shared
    assert shared.calls == 1
