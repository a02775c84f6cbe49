"""Evaluation: what a policy or a file of responses is worth on a benchmark, with intervals."""
