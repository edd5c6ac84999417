"""One module per gRPC service: check the request, call the core, encode the answer."""
