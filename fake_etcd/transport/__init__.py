"""Bytes in, bytes out: HTTP/2, gRPC, HTTP/1.1, and the sockets around them. No etcd rules."""
