"""Tests of the core, with the naive models that they compare it with."""
