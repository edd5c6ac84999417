"""Long work of a shared node, done by threads while others call."""

from __future__ import annotations

import logging
import math

from fake_etcd.core.node import Node, Work
from fake_etcd.transport.loop_host import threads_aside
from fake_etcd.transport.shared_node import SharedNode

_log = logging.getLogger("fake_etcd.transport")


class SharedAside:
    """What `Node.aside` is for a node that several threads drive, see `loop_host.Aside`.

    On a clock that its owner moves the work is done at once: time and calls are to come in the
    order in which their owner makes them.

    Args:
        shared: whose.
    """

    def __init__(self, shared: SharedNode) -> None:
        self._shared = shared
        self._threads = threads_aside()

    def attach(self, node: Node) -> None:
        """Do this node's work from now on."""

        def aside(work: Work) -> None:
            if node.clock.seconds_until(math.inf) is None:  # time stands still
                work()()
            else:
                self._threads.submit(self._run, work)

        node.aside = aside

    def close(self) -> None:
        """Do nothing more; wait for what is being done. The caller does not hold the node."""
        self._threads.shutdown(cancel_futures=True)

    def _run(self, work: Work) -> None:
        try:
            go_on = work()
            with self._shared as shared:
                shared.run_due()
                go_on()
        except Exception:
            _log.exception("bug in work that was done aside")
