"""The fault kinds that come with FaultBench, by the part of a memory that they spoil."""

from __future__ import annotations

from memtrace.faultbench.kinds.answering import ANSWERING
from memtrace.faultbench.kinds.extracting import EXTRACTING
from memtrace.faultbench.kinds.indexing import INDEXING
from memtrace.faultbench.kinds.retrieving import RETRIEVING
from memtrace.faultbench.kinds.updating import UPDATING
from memtrace.faultbench.types import FaultKind

__all__ = ["KINDS"]

KINDS: dict[str, FaultKind] = {
    kind.name: kind for kind in (*EXTRACTING, *UPDATING, *INDEXING, *RETRIEVING, *ANSWERING)
}
"""By name, in the order of the catalogue."""
