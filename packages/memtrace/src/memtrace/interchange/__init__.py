"""Traces of other tools, in and out: smartcomment / MemTraceBench JSON and OpenTelemetry."""
