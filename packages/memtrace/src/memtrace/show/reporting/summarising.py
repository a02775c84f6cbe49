"""A summary in a model's words, on request: every statement names the cases it stands on.

In: a section and a chat model. Out: a `Summary`. A statement that names no case is dropped, one
that names a case that is not there is refused; both are counted. A failed call leaves the reason.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, Message, Sampling
from lmcommon.prompt import load_prompt
from memtrace.show.reporting.types import Asked, Section, Spending, Statement, Summary

__all__ = ["SCHEMA", "checked", "summarise"]

_MOST_STATEMENTS, _MOST_CASES, _LONGEST = 8, 60, 200
_REPLY_TOKENS = 1024
SCHEMA: dict[str, Any] = {
    "type": "object", "required": ["statements"],
    "properties": {"statements": {"type": "array", "items": {
        "type": "object", "required": ["text", "cases"],
        "properties": {
            "text": {"type": "string"}, "cases": {"type": "array", "items": {"type": "string"}},
        },
    }}},
}  # fmt: skip
"""What a reply must look like."""


def summarise(section: Section, model: ChatModel) -> Summary:
    """Ask for a summary and keep what it can stand on.

    Args:
        section: Counted.
        model: Asked once.
    """
    cases = _told(section)
    if not cases:
        return Summary(model=model.name, failure="there is no wrong answer to speak of")
    prompt = load_prompt(
        "memtrace.show.reporting", "prompts/summary.md", ("most", "counts", "cases")
    ).fill(
        most=str(_MOST_STATEMENTS), counts=_counts(section), cases="\n".join(map(_line, cases))
    )  # fmt: skip
    (response,) = model.generate([ChatRequest(
        messages=(Message("user", prompt),), schema=SCHEMA,
        sampling=Sampling(max_tokens=_REPLY_TOKENS),
    )])  # fmt: skip
    usage = response.usage
    spent = Spending(
        1, usage.calls, usage.prompt_tokens, usage.completion_tokens, usage.cost_usd,
        ms=response.latency_ms,
    )  # fmt: skip
    if response.failure is not None:
        why = f"{response.failure.kind}: {response.failure.message}"
        return Summary(model=model.name, failure=why, spent=spent)
    found = checked(response.parsed, {one.id for one in cases}, model.name)
    return replace(found, spent=spent)


def checked(reply: Any, known: Collection[str], model: str) -> Summary:
    """The statements of a reply that name cases, all of them known.

    Args:
        reply: JSON, by rights of the form of `SCHEMA`.
        known: Ids of the cases that were told.
        model: Who wrote it.
    """
    rows = reply.get("statements") if isinstance(reply, dict) else None
    if not isinstance(rows, list):
        return Summary(model=model, failure="the reply holds no list of statements")
    kept: list[Statement] = []
    uncited = unknown = 0
    for row in rows:
        text, cases = _parts(row)
        if not text or not cases:
            uncited += 1
        elif not set(cases) <= set(known):
            unknown += 1
        else:
            kept.append(Statement(text, tuple(dict.fromkeys(cases))))
    kept = kept[:_MOST_STATEMENTS]
    failure = "" if kept else "no statement stands on cases that are there"
    return Summary(
        model=model, statements=tuple(kept), uncited=uncited, unknown=unknown, failure=failure
    )


def _parts(row: Any) -> tuple[str, list[str]]:
    if not isinstance(row, dict):
        return "", []
    text, cases = row.get("text"), row.get("cases")
    named = [one for one in cases if isinstance(one, str)] if isinstance(cases, list) else []
    return (" ".join(text.split()) if isinstance(text, str) else ""), named


def _told(section: Section) -> list[Asked]:
    """The cases a model is told of: attributed ones, proved ones first."""
    found = [one for one in section.studied.asked if one.failure is not None]
    return sorted(found, key=lambda one: (not one.is_proved, -one.confidence, one.id))[:_MOST_CASES]


def _counts(section: Section) -> str:
    lines = [
        f"{section.right.hits} right, {section.wrong.hits} wrong, {section.unscored} unscored",
        *(f"{cell.error_type} at {cell.operation}: {cell.share.hits} of {cell.share.trials}, "
          f"{cell.proved} proved by replay" for cell in section.cells),
    ]  # fmt: skip
    return "\n".join(lines)


def _line(one: Asked) -> str:
    failure = one.failure
    assert failure is not None
    reason = " ".join(str((one.attribution or {}).get("reason", "")).split())
    return (
        f"[{one.id}] {one.category}; {failure.operation}; {failure.error_type}; {reason[:_LONGEST]}"
    )
