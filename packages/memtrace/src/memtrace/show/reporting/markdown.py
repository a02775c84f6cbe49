"""The report as Markdown. Whatever came from data or models is escaped: it shows as it is.

In: a `Report`. Out: one text. Nothing in it can start markup, an image, a link or a tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from memtrace.show.cases import FactView, StepView
from memtrace.show.reporting.types import Advice, Example, Listed, Report, Section, Summary
from memtrace.show.reporting.wording import (
    LEGEND,
    cell_rows,
    facts,
    operation_rows,
    share,
    summary_note,
    type_rows,
)

__all__ = ["code", "escape", "report_markdown"]

_SPECIAL = re.compile(r"[\\`*_\[\]<>#|!&~$]")
_ADDRESS = re.compile(r"(?i)(https?|ftp|mailto|xmpp)(:)|(www)(\.)|(@)")
_START = re.compile(r"^(\d*)([-+=.)])")


def report_markdown(report: Report) -> str:
    """Write the report as Markdown."""
    parts = [f"# {escape(report.title)}\n", LEGEND + "\n"]
    for section in report.sections:
        parts += _section(section, is_alone=len(report.sections) == 1)
    return "\n".join(parts)


def escape(text: str) -> str:
    """A text on one line in which nothing is markup, an entity, a tag or a link."""
    line = " ".join(_printable(text).split())
    line = _SPECIAL.sub(lambda found: "\\" + found[0], line)
    line = _ADDRESS.sub(lambda found: found[0][:-1] + "\\" + found[0][-1], line)
    return _START.sub(r"\1\\\2", line)


def code(text: str, *, in_table: bool = False) -> str:
    """A text as a code span; escaped where a span cannot hold it."""
    line = " ".join(_printable(text).split())
    if not line or "`" in line or (in_table and ("|" in line or "\\" in line)):
        return escape(text)
    return f"`{line}`"


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() or one.isspace() else "\ufffd" for one in text)


def _section(section: Section, *, is_alone: bool) -> Iterator[str]:
    if not is_alone:
        yield f"# {escape(section.title)}\n"
    yield "".join(f"- {label}: {escape(text)}\n" for label, text in facts(section))
    yield _answers(section)
    if section.summary is not None:
        yield from _summary(section.summary)
    yield from _titled("What to look at", _advice(section.advice))
    yield from _titled("Accuracy by question type", [_table(type_rows(section))])
    yield from _titled("Error types by operation", [_table(cell_rows(section.cells))])
    by_type = cell_rows(section.cells_by_type, ("question type",))
    yield from _titled("Error types by question type", [_table(by_type)])
    yield from _titled("The worst operations", [_table(operation_rows(section.operations))])
    for operation in section.operations:
        examples = [part for one in operation.examples for part in _example(one)]
        yield from _titled(f"Worked examples: {code(operation.name)}", examples)
    yield from _listed("Not the system's fault", section.invalid)
    yield from _listed("Wrong, and nothing is blamed", section.unexplained)
    yield from _listed("Unscored", section.unscored_cases)


def _answers(section: Section) -> str:
    if not section.studied.is_whole:
        return (
            f"Only failures were handed in ({section.wrong.hits}), so nothing is known of the "
            "right answers.\n"
        )
    return (
        f"**{section.right.hits} right, {section.wrong.hits} wrong, {section.unscored} unscored**; "
        f"right: {share(section.right)}\n"
    )


def _summary(summary: Summary) -> Iterator[str]:
    yield f"## Summary ({escape(summary_note(summary))})\n"
    if summary.failure:
        yield f"no summary: {escape(summary.failure)}\n"
    yield "".join(
        f"- {escape(one.text)} ({', '.join(map(code, one.cases))})\n" for one in summary.statements
    )


def _advice(advice: Sequence[Advice]) -> Iterator[str]:
    for number, one in enumerate(advice, 1):
        cases = ", ".join(map(code, one.cases))
        yield (
            f"{number}. **{escape(one.todo)}**  \n   {escape(one.because)} (rule: "
            f"{escape(one.rule)})  \n   cases: {cases}\n"
        )
    if not advice:
        yield "Nothing: no wrong answer, none without a verdict.\n"


def _titled(title: str, parts: Iterator[str] | Sequence[str]) -> Iterator[str]:
    found = list(parts)
    if found:
        yield f"## {title}\n"
        yield from found


def _example(one: Example) -> Iterator[str]:
    asked, body = one.asked, one.asked.attribution or {}
    error_type = asked.failure.error_type if asked.failure else "-"
    proved = "proved by replay" if asked.is_proved else "not proved"
    yield f"### {code(asked.id)}\n"
    rows = [
        ("question", f"{asked.question} ({asked.category})"), ("answered", asked.prediction),
        ("right answer", "(none: it should have said so)" if asked.gold is None else asked.gold),
        ("blamed", f"{asked.failure.operation if asked.failure else '-'} "
                   f"({body.get('operation')}): {error_type}, {asked.loss}, {proved}, "
                   f"confidence {asked.confidence:.2f}, by {asked.method}"),
        ("because", str(body.get("reason") or "")),
    ]  # fmt: skip
    yield "".join(f"- {label}: {escape(text)}\n" for label, text in rows)
    for fact in one.facts:
        yield _fact(fact)
    if one.obstacle:
        yield f"No path of a fact is shown: {escape(one.obstacle)}.\n"
    yield "".join(
        f"- repaired {escape(what)}: {escape(came)}"
        + (f", answered {escape(answers)}\n" if answers else "\n")
        for what, came, answers in one.repairs
    )
    yield "".join(f"- open: {code(command)}\n" for command in one.commands)


def _fact(fact: FactView) -> str:
    lines = [f"Fact {escape(fact.value)}: {escape(fact.fate)}\n"]
    lines += [f"1. said in {escape(name)}: {escape(text)}" for name, text in fact.said]
    lines += [f"1. {_step(step)}" for step in fact.steps]
    return "\n".join(lines) + "\n"


def _step(step: StepView) -> str:
    times = f" ×{step.times}" if step.times > 1 else ""
    named = f"{code(step.name)}{times} ({code(step.operation)})"
    if step.kept:
        return f"{named} kept: {escape(step.held)}"
    return (
        f"**lost** at {named}, {escape(step.loss)}: read {escape(step.held)}; wrote "
        f"{escape(step.instead) or 'nothing'}"
    )


def _listed(title: str, listed: Sequence[Listed]) -> Iterator[str]:
    rows = [{"case": one.case, "question": one.question, "what": one.what, "why": one.why}
            for one in listed]  # fmt: skip
    yield from _titled(title, [_table(rows)] if rows else [])


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    if not rows:
        return "(nothing)\n"
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [
        [code(text, in_table=True) if key in ("case", "operation") else escape(text)
         for key, text in row.items()]
        for row in rows
    ]  # fmt: skip
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
