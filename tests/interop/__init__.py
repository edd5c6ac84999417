"""Other people's clients against a running server: the Go client, etcdctl, Python's grpcio."""
