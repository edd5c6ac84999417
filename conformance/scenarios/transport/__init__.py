"""gRPC, HTTP/2 and HTTP/1.1 around the requests: what is not a well-made call."""
