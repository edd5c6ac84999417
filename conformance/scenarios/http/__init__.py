"""Plain HTTP on the client port: pages that say how the server is. The mux is in `transport`."""
