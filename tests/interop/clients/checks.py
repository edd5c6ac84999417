"""What is held on to for every client: the checks by name, in the order in which they are run."""

from __future__ import annotations

CHECKS = {
    "put": "values replace each other, revisions count up, the previous value is told, an empty "
    "key is refused",
    "get": "a key now and at an earlier revision, and one that is not there",
    "prefix": "all keys below a prefix in order, a page of them from behind, and their deletion",
    "txn": "both branches of a compare-and-swap, with what each answers",
    "watch": "puts and a deletion as they happen, with previous values, and the same from the past",
    "resume": "the connection is cut between events, again and again: each event comes once",
    "lease": "a key on a lease that is kept alive, looked at, and revoked",
    "deadline": "answers are held back: a call ends at its deadline, the next one is answered",
    "cancel": "answers are held back: a call ends when it is cancelled, the next one is answered; "
    "a watcher that is cancelled hears no more",
    "large": "a value of 1.4 MB there and back; one of 1.6 MB is refused",
    "concurrent": "100 puts at once, each with a revision of its own",
    "members": "the only member by its name, and its status, with etcd's version",
    "tls": "a put and a get with TLS, by a client with a certificate",
    "auth": "users, a role and a password: nobody, a wrong password and somebody without "
    "permission are refused, others do what they may",
}
"""What each check is about, in a sentence for the page."""

KUBERNETES = {
    "get": "`Get` of a key that is there, and of one that is not",
    "list": "`List` of a prefix by pages, at one revision",
    "count": "`Count` of a prefix",
    "put": "`OptimisticPut`: creates, updates, and says what is there where it is something else",
    "delete": "`OptimisticDelete`: deletes, and says what is there where it is something else",
}
"""The same for the client that Kubernetes' API server has, which knows five requests."""

HTTP = {
    "HTTP/1.1": "`/health` and `/version`, and a path that is not there",
    "h2c": "the same by HTTP/2 without TLS",
    "TLS": "the same with TLS, by HTTP/1.1 and by HTTP/2 as ALPN chooses, with a certificate; "
    "without one the handshake fails",
}
"""The same for curl."""
