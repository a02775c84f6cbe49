"""An explanation for the terminal: who is to blame, and where each fact lived and died."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memtrace.attribution.reader import TraceReader
from memtrace.attribution.types import Attribution
from memtrace.graph.reading.trace import Trace
from memtrace.show.cases import CaseView, FactView, StepView, case_view

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["explain"]


def explain(verdict: Attribution, trace: Trace | TraceReader) -> Text:
    """Explain a verdict in coloured text; `.plain` is the same without colour.

    Args:
        verdict: What `memtrace.attribute` returned.
        trace: The trace it was made on.
    """
    from rich.text import Text

    reader = trace if isinstance(trace, TraceReader) else TraceReader(trace)
    view = case_view(verdict, reader)
    text = Text()
    _head(text, view)
    for fact in view.facts:
        _fact(text, fact)
    for title, why, score in view.others:
        text.append(f"\nalso possible ({score:.2f}): ", style="dim").append(title)
        text.append(f"\n    {why}", style="dim")
    return text


def _head(text: Text, view: CaseView) -> None:
    rows = {"question": view.question, "answered": view.prediction, "right": view.gold}
    for label, value in rows.items():
        text.append(f"{label:>10}  ", style="dim").append(f"{value}\n")
    text.append(f"{'blame':>10}  ", style="dim")
    text.append(view.blamed, style="bold red")
    text.append(f"  {view.error_type}", style="red")
    if view.loss:
        text.append(f", {view.loss}")
    text.append(f"  (confidence {view.confidence:.2f})", style="dim")
    text.append(f"\n{'because':>10}  ", style="dim").append(view.reason)


def _fact(text: Text, fact: FactView) -> None:
    text.append("\n\n      fact  ", style="dim").append(repr(fact.value), style="bold")
    text.append(f"  {fact.fate}", style="dim")
    for name, said in fact.said:
        text.append(f"\n      said  {name}  ", style="dim").append(said, style="green")
    for step in fact.steps:
        _step(text, step)


def _step(text: Text, step: StepView) -> None:
    mark, style = ("+", "green") if step.kept else ("x", "bold red")
    times = f" x{step.times}" if step.times > 1 else ""
    text.append(f"\n         {mark}  ", style=style)
    text.append(f"{step.name}{times}", style="" if step.kept else style)
    text.append(f" ({step.operation})", style="dim")
    if step.kept:
        text.append(f"  {_first_line(step.held)}", style="green")
        return
    text.append(f"  {step.loss}", style=style)
    text.append("\n            read   ", style="dim").append(_first_line(step.held), style="green")
    text.append("\n            wrote  ", style="dim").append(_first_line(step.instead) or "nothing")


def _first_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    shown = " / ".join(lines[:3])
    return shown if len(shown) <= 160 else shown[:157] + "..."
