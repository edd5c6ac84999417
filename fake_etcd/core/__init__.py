"""The emulation itself: a deterministic state machine without I/O, threads, clock or logging."""
