"""What several processes do together: sessions, locks, elections, transactions in memory.

etcd: client/v3/concurrency.
"""
