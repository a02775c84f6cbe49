"""Where facts were lost, and under which settings: what recommendations stand on.

In: the body of an attribution, and the trace where it is there. Out: a `Lost` for every fact that
did not reach the model, with the rank at which it stood where the trace tells; the parameters and
the prompt of the blamed operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memtrace.attribution.attributing import examine
from memtrace.attribution.prompting import prompt_used
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.taxonomy import LossKind
from memtrace.scoring.sources.asked import AskedQuestion
from memtrace.show.reporting.types import Lost

__all__ = ["losses_of", "prompt_of", "settings_of"]


def losses_of(
    body: Mapping[str, Any], reader: TraceReader | None, known: AskedQuestion | None
) -> tuple[Lost, ...]:
    """The facts that were lost.

    Args:
        body: `Attribution.to_dict()`, with paths or without.
        reader: The trace; None: it is not there, and no rank is known.
        known: The question, for paths that were not kept; None: there is no other source.
    """
    paths = body.get("paths")
    if paths is None and reader is not None and known is not None:
        paths = examine(reader, known.told, ("survival",)).to_dict()["paths"]
    return tuple(
        Lost(
            value=str(path["fact"]["value"]), operation=death["operation"], name=death["name"],
            loss=str(death["loss"]), rank=_rank(death, reader),
        )
        for path in paths or ()
        if (death := path["death"]) is not None
    )  # fmt: skip


def settings_of(body: Mapping[str, Any], reader: TraceReader) -> Mapping[str, Any]:
    """The parameters of the blamed operation; empty where none is blamed."""
    blamed = body.get("operation")
    if blamed is None or not reader.graph.has_operation(blamed):
        return {}
    return reader.operation(blamed).parameters


def prompt_of(body: Mapping[str, Any], reader: TraceReader | None) -> str | None:
    """The name of the prompt that the blamed operation used; None: none, or nobody knows.

    Args:
        body: `Attribution.to_dict()`; a decisive set names the prompts of its members.
        reader: The trace, to look there else.
    """
    prompts = (body.get("decisive") or {}).get("prompts") or ()
    if prompts and prompts[0]:
        return str(prompts[0])
    blamed = body.get("operation")
    if reader is None or blamed is None or not reader.graph.has_operation(blamed):
        return None
    return prompt_used(reader, blamed)


def _rank(death: Mapping[str, Any], reader: TraceReader | None) -> int | None:
    """The best rank among the inputs that held a fact when a ranking was cut."""
    if reader is None or death["loss"] not in (LossKind.NOT_RETRIEVED, LossKind.CUT):
        return None
    ranks = [
        rank
        for variable in death["read"]
        if isinstance(rank := reader.variable(variable).metadata.get("rank"), int)
    ]
    return min(ranks, default=None)
