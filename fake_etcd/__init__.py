"""An etcd v3 server in memory, for tests: it answers what etcd answers."""

__version__ = "0.1.0"
