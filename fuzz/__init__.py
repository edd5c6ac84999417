"""Coverage-guided fuzzing of everything that reads a peer's bytes; see docs/fuzzing.md."""
