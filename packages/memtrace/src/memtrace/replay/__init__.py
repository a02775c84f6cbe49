"""Replay: run a recorded run again, with one thing changed."""
