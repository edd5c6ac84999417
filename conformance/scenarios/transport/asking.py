"""The call that most scenarios of transport are about, as it should be."""

from __future__ import annotations

from fake_etcd.api import messages as m

from ...by_hand import message
from ...session import Session

KEY_A = m.RangeRequest(key=b"a").SerializeToString()
ASK = message(KEY_A)
GZIP = (("grpc-encoding", "gzip"),)


def ask(s: Session, *headers: tuple[str, str | bytes], without: tuple[str, ...] = ()) -> None:
    s.grpc_by_hand("KV/Range", ASK, headers=headers, without=without)
