"""The JSON gateway: etcd's methods as POST requests of JSON."""
