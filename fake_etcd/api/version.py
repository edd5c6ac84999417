"""Which etcd this is an emulation of, as it tells its clients."""

from __future__ import annotations

SERVER = "3.7.3"
"""The release whose answers ours equal."""

CLUSTER = "3.7.0"
"""What its members agree on: the release without its patch."""

STORAGE = "3.7.0"
"""The schema of its data file."""
