"""Verbs of rtt: `python -m rtt.run.train`, `python -m rtt.run.demo`."""
