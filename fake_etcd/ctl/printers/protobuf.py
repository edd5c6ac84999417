"""`-w protobuf`: answers as the bytes of their messages. etcd: printer_protobuf.go."""

from __future__ import annotations

from fake_etcd.api import messages as m
from fake_etcd.clientv3 import responses as r
from fake_etcd.ctl.printers.base import Printer
from fake_etcd.ctl.printers.messages import message_of


class Protobuf(Printer):
    """The message alone, with nothing around it."""

    name = "protobuf"

    def answer(self, answer: object) -> None:
        self.terminal.write(message_of(answer).SerializeToString())

    def watch(self, answer: r.WatchResponse) -> None:
        message = message_of(answer)
        assert isinstance(message, m.WatchResponse), "it was made from one"
        message.ClearField("cancel_reason")  # etcdctl leaves it out
        self.terminal.write(message.SerializeToString())

    # Of leases etcdctl prints the header: the client's types for these have that alone of a
    # message.

    def grant(self, answer: r.LeaseGrantResponse) -> None:
        self.answer(answer.header)

    def keep_alive(self, answer: r.LeaseKeepAliveResponse) -> None:
        self.answer(answer.header)

    def time_to_live(self, answer: r.LeaseTimeToLiveResponse, keys: bool) -> None:
        self.answer(answer.header)

    def leases(self, answer: r.LeaseLeasesResponse) -> None:
        self.answer(answer.header)
