"""Conversations spread over processes: on this machine, or over a Ray cluster.

In: a `Setup` (model, systems, judge) and what is open. Out: the same run folder that one process
leaves: `trace.db`, `episodes.jsonl`, `costs.jsonl`, in the same order whatever the timing.
"""

from memtrace.run.pool.cluster import Cluster
from memtrace.run.pool.running import record_in_pool, take_in
from memtrace.run.pool.types import Setup
from memtrace.run.pool.workshop import workshop

__all__ = ["Cluster", "Setup", "record_in_pool", "take_in", "workshop"]
