"""The dev server: command line, processes, signals."""
