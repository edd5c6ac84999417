"""How fast and how large fake_etcd is beside real etcd; `python -m bench` runs it."""
