"""What is said of data from outside that no etcd can have left so."""

from __future__ import annotations


class Damaged(ValueError):
    """Why data cannot be loaded; one line."""
