"""A node's whole state as the buckets of etcd's database, there and back. No file is touched."""
