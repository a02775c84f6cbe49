"""Replay: run a recorded run again, with one thing changed, and pay only for what depends on it."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from memtrace.replaying.identity import Mismatch, first_mismatch
    from memtrace.replaying.outcome import AnswerChange, Price, Replay
    from memtrace.replaying.program import MemoryProgram, read_programs
    from memtrace.replaying.replayer import Replayer, replay
    from memtrace.replaying.rerunning import Rerunner
    from memtrace.replaying.resolving import Point, points

__all__ = [
    "AnswerChange", "MemoryProgram", "Mismatch", "Point", "Price", "Replay", "Replayer",
    "Rerunner", "first_mismatch", "points", "read_programs", "replay",
]  # fmt: skip

_HOMES = {
    "identity": ("Mismatch", "first_mismatch"),
    "outcome": ("AnswerChange", "Price", "Replay"),
    "resolving": ("Point", "points"),
    "program": ("MemoryProgram", "read_programs"),
    "replayer": ("Replayer", "replay"),
    "rerunning": ("Rerunner",),
}
__getattr__, __dir__ = lazy_exports(
    __name__,
    {name: f"memtrace.replaying.{home}" for home, names in _HOMES.items() for name in names},
)
