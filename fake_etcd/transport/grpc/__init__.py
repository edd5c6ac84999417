"""gRPC over the HTTP/2 of `fake_etcd.transport.http2`, without sockets."""
