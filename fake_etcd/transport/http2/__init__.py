"""HTTP/2, server side, without sockets (RFC 9113, RFC 7541)."""
