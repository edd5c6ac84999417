"""A server under mixed load from four languages for a long time, its connections cut at random.

`python -m soak --minutes 30` runs it: see `soak.run`. What holds of a server in the end, whatever
happened on the way, is in `soak.check` and `soak.memory`.
"""
