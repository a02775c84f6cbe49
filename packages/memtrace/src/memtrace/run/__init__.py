"""Verbs: `memtrace-trace` and `memtrace-demo`."""
