"""A conformance suite for servers that speak etcd v3: `python -m conformance --help`.

Scenarios talk to a server through its public interface, what it answers becomes a transcript, and
transcripts are compared: with those recorded from real etcd, or between two servers.
"""
