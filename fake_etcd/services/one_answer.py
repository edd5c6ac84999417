"""What receivers of calls have in common that have one answer, and may give it later."""

from __future__ import annotations

from fake_etcd.services.call import Call, Sink


class OneAnswer:
    """Receiver of one call without its `message` and `cancelled`.

    Args:
        call, sink: as of any stream's handler.
    """

    __slots__ = ("_call", "_sink")

    def __init__(self, call: Call, sink: Sink) -> None:
        self._call = call
        self._sink = sink

    def half_close(self) -> None:
        """Nothing to do: the one message is what counts."""

    def writable(self) -> None:
        """Nothing to do: there is one answer."""

    def _answer_with(self, response: bytes) -> None:
        """Give it, encoded."""
        self._sink.send(response)
        self._sink.close()
