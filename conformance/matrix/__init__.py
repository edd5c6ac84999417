"""The permission matrix: every RPC, in the name of every kind of caller, and what etcd says to it.

`callers` are the columns and `rows` the rows, a table each; `world` is the server that they are
tried on, `play` tries them, `recording` keeps what came and `page` shows it. A service joins by
rows of its own in `rows.ROWS`.
"""
