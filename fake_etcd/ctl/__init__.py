"""`python -m fake_etcd ctl`: etcdctl's commands, on `fake_etcd.clientv3`.

A table of commands and flags, a parser that reads them as etcdctl's does, what each command asks
of the client, and printers of the answers. Nothing here knows the emulator.
"""
