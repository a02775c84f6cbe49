"""The report put together: gathered, counted, examples worked out, advice, a summary if asked for.

In: run folders and traces. Out: a `Report`, which `markdown` and `page` write down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lmcommon.llm.base import ChatModel
from memtrace.scoring.analysis import tabulate
from memtrace.show.reporting import counting
from memtrace.show.reporting.choosing import with_examples
from memtrace.show.reporting.gathering import gather
from memtrace.show.reporting.recommending import advise
from memtrace.show.reporting.summarising import summarise
from memtrace.show.reporting.types import Report, Section, Spending, Studied

__all__ = ["build_report"]


def build_report(
    runs: str | Path | Sequence[str | Path], *, method: str | None = None, operations: int = 5,
    examples: int = 5, summary_llm: ChatModel | None = None, title: str = "",
) -> Report:  # fmt: skip
    """Count what finished runs say of memory systems, and work out examples.

    Args:
        runs: Run folders of memtrace-trace or memtrace-attribute, folders of such, or traces; one
            or several. Wrong answers of a bare trace are attributed on the way, by program.
        method: Of runs of memtrace-attribute with several methods: whose verdicts to take.
        operations: How many of the worst operations are shown.
        examples: Worked examples of each of them, at most.
        summary_llm: Writes a summary that cites case ids; None: there is none.
        title: Heading; empty: systems and data sets.

    Returns:
        The report, one section a system, data set and model.

    Raises:
        UserError: Nothing is there to report on, or a method must be chosen.
        DataError: A row of a run is malformed.
        ValueError: A number below 1.
    """
    if operations < 1 or examples < 1:
        raise ValueError(f"operations, examples: expected at least 1; got {operations}, {examples}")
    paths = [runs] if isinstance(runs, str | Path) else list(runs)
    sections = [_section(one, operations, examples) for one in gather(paths, method)]
    if summary_llm is not None:
        sections = [replace(one, summary=summarise(one, summary_llm)) for one in sections]
    return Report(title=title or _title(sections), sections=tuple(sections))


def _title(sections: Sequence[Section]) -> str:
    """Systems by data set."""
    systems: dict[str, dict[str, None]] = {}
    for one in sections:
        systems.setdefault(one.studied.data, {})[one.studied.system] = None
    return "; ".join(f"{', '.join(names)} on {data}" for data, names in systems.items())


def _section(studied: Studied, operations: int, examples: int) -> Section:
    asked = studied.asked
    right, wrong, without = counting.accuracy(asked)
    failures = counting.own_failures(asked)
    worst = counting.operations_of(studied, operations)
    systems_own = (spent for name, spent in studied.costs.items() if name != "judge")
    return Section(
        studied=studied, right=right, wrong=wrong, unscored=without,
        types=counting.by_type(asked), cells=tuple(tabulate(failures, ())),
        cells_by_type=tuple(tabulate(failures, ("category",))),
        operations=with_examples(worst, asked, examples), invalid=counting.invalid(asked),
        unexplained=counting.unexplained(asked), unscored_cases=counting.unscored(asked),
        advice=advise(asked), spent=sum(systems_own, Spending()),
        methods=counting.methods_of(asked),
    )  # fmt: skip
