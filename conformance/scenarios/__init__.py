"""The scenarios, one module an area. They know the session they are given and etcd's messages."""
