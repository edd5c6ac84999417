"""Watching: who is told of what, from when on, in which pieces, and how watchers come and go."""
