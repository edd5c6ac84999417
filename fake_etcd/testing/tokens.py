"""Tokens in a test's hand: new ones without a password, and their end before their time."""

from __future__ import annotations

from fake_etcd.api import errors
from fake_etcd.core.auth.tokens import SimpleTokens
from fake_etcd.core.node import Node
from fake_etcd.transport.shared_node import SharedNode


class Tokens:
    """The tokens of one FakeEtcd.

    Args:
        shared: whose.

    >>> from fake_etcd.testing import FakeEtcd
    >>> with FakeEtcd(auth={"root": "pw", "users": {"alice": "pw"}}) as etcd:
    ...     token = etcd.token("alice")
    ...     etcd.tokens.expire()
    """

    def __init__(self, shared: SharedNode) -> None:
        self._shared = shared

    def expire(self, user: str | None = None) -> None:
        """No token that was made until now is one any more; who sends it gets INVALID_AUTH_TOKEN.

        The time to live, five minutes without use, goes by with the clock as well.

        Args:
            user: whose; None: everybody's.

        Raises:
            ValueError: signed tokens end all together or not at all, whoever's they are.
        """
        with self._shared as shared:
            expire(shared.node, user)

    def assign(self, user: str) -> str:
        """See `FakeEtcd.token`."""
        with self._shared as shared:
            shared.run_due()
            auth = shared.node.auth
            if not auth.enabled:
                raise errors.AUTH_NOT_ENABLED
            found = auth.user(user)
            if found is None:
                there = ", ".join(map(repr, auth.user_list()))
                raise ValueError(f"there is no user {user!r}; there are {there}")
            if found.no_password:
                raise ValueError(
                    f"user {user!r} has no password, and so no token: etcd knows it by the common "
                    "name of its certificate only"
                )
            return shared.node.tokens.assign(user, auth.revision)


def expire(node: Node, user: str | None) -> None:
    """The same for whoever holds the node."""
    if user is None:
        node.tokens.expire_all()
    elif isinstance(node.tokens, SimpleTokens):
        node.tokens.invalidate_user(user)
    else:
        raise ValueError(
            f"the tokens of {user!r} alone cannot be ended: signed tokens are valid by themselves; "
            "expire() ends everybody's"
        )
