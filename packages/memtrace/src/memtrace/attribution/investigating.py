"""From a program and a wrong answer to the operation that is to blame, in one call.

In: a program of the user's own (a function), and the right answer. Out: a trace of the program, and
the attribution, proved by repairing suspects and running the program again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from memtrace.attribution.attributing import attribute
from memtrace.attribution.types import Attribution
from memtrace.graph.reading.trace import open
from memtrace.graph.recording.tracing import record

__all__ = ["investigate"]


def investigate(
    program: Callable[[], object], path: str | Path, *, gold: str | None,
    question: str | None = None, evidence: Sequence[str] | None = None,
) -> Attribution:  # fmt: skip
    """Run a program under a recording, and say which operation made its answer wrong.

    The program builds a new memory, attaches it (`memtrace.attach`), fills it, asks it, and answers
    in a function decorated with `memtrace.replayable`. It is run once for the recording, and once
    for each repair that is tried; model calls whose request is what it was are not made again. The
    gold answer is taken as right: whoever asks about their own program knows it.

    Args:
        program: Called with nothing.
        path: The trace to write; where it exists the program is not recorded anew.
        gold: The right answer; None when the right behaviour was to abstain.
        question: Which answer is meant; None: the last.
        evidence: As in `attribute`.

    Returns:
        The verdict; `print` shows it in short, `memtrace.explain` in full.

    Raises:
        UserError: The program gave no answer, or cannot be run again.
    """
    if not Path(path).exists():
        _record(program, Path(path))
    with open(path) as trace:
        return attribute(
            trace, gold=gold, question=question, evidence=evidence, stages=["survival"],
            rerun=program,
        )  # fmt: skip


def _record(program: Callable[[], object], path: Path) -> None:
    """Record a program; half a run leaves no trace that could pass for a whole one."""
    try:
        with record(path):
            program()
    except BaseException:
        for left in path.parent.glob(f"{path.name}*"):
            left.unlink()
        raise
