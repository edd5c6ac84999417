"""gRPC without a wire: calls go to the handlers in the caller's own thread or event loop."""
