"""The case as a model is shown it: question, right answer, given answer, where to begin.

Shared by tracing and by the baselines that ask a model, so that all know the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from memtrace.attribution.case import Case
from memtrace.attribution.tracing.quoting import cut, quote
from memtrace.attribution.tracing.region import Region
from memtrace.attribution.tracing.rendering import title
from memtrace.types import Operation, Variable

__all__ = ["case_lines", "path_line", "start_lines", "suspect_lines", "text_lines"]

_TEXT, _MESSAGE = 600, 240
_PATH = 8


def case_lines(case: Case, region: Region) -> list[str]:
    """Question, right answer as far as it is told, and the answer that was given."""
    return [
        f"question: {_cut(case.question, _TEXT)}",
        f"right answer: {_right(case)}",
        f"answer given by {region.handle(case.maker)}: {_cut(case.prediction, _TEXT)}"
        f"{_judged(case)}",
    ]


def start_lines(case: Case, region: Region, starts: Sequence[Variable]) -> list[str]:
    """The messages to begin with."""
    if not starts:
        return ["no message to begin with is known: search for one"]
    told = case.asked.evidence is not None and bool(case.witnesses)
    head = (
        "messages said to hold the right answer:" if told
        else "messages found by a search; they may be beside the point:"
    )  # fmt: skip
    return [head, *(
        f"  {region.handle(start)} {quote((start.name or '')[:40])} "
        f"{_cut(case.reader.text(start.id), _MESSAGE)}"
        for start in starts
    )]  # fmt: skip


def text_lines(case: Case, starts: Sequence[Variable]) -> list[str]:
    """The texts of the messages to begin with, without their handles: for methods without edges."""
    texts = [f"  {_cut(case.reader.text(start.id), _MESSAGE)}" for start in starts]
    return ["texts that may matter:", *(texts or ["  none found"])]


def path_line(region: Region) -> str:
    """The operations that served the question, in a line."""
    path: Sequence[Operation] = region.question_path()
    shown = "; ".join(title(region, operation) for operation in path[-_PATH:])
    hidden = len(path) - _PATH
    return f"served the question: {f'({hidden} more); ' if hidden > 0 else ''}{shown}"


def suspect_lines(case: Case, region: Region, most: int = 3) -> list[str]:
    """Whom earlier stages suspect."""
    lines = []
    for suspect in case.ranked[:most]:
        where = "no operation" if suspect.operation is None else (
            region.handle(case.reader.operation(suspect.operation))
        )  # fmt: skip
        lines.append(
            f"  {where} {suspect.error_type} (score {suspect.score}): {_cut(suspect.evidence, 200)}"
        )
    return ["suspected so far, by a program that follows words:", *lines] if lines else []


def _right(case: Case) -> str:
    if case.gold is not None:
        return _cut(case.gold, _TEXT)
    if case.asked.is_live:
        return "not known; judge by what the messages say"
    return "none; the messages do not tell, and the answer should have said so"


def _judged(case: Case) -> str:
    if case.asked.is_live:
        return ""
    return " (judged right)" if case.asked.judged else " (judged wrong)"


def _cut(text: str, limit: int) -> str:
    quoted, remark = cut(text, limit)
    return f"{quoted} {remark}".rstrip()
