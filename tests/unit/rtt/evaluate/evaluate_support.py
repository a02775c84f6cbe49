"""Prompts and answers for the rooms of evaluation, each in one line."""

from __future__ import annotations

from typing import Any

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric
from rtt.evaluate import Answer, Item


def prompt(
    name: str, *kinds: str, weights: tuple[float, ...] = (), **metadata: Any
) -> RubricPrompt:
    """A prompt with one criterion a kind."""
    return RubricPrompt(
        id=name, prompt=f"Write {name}.", metadata=metadata,
        rubric=Rubric(tuple(
            Criterion(
                id=f"c{place}", text=f"{kind}?", constraint_id=kind, tags=(kind,),
                weight=weights[place] if weights else 1.0,
            )
            for place, kind in enumerate(kinds)
        )),
    )  # fmt: skip


def answer(
    *strict: bool | None, loose: tuple[bool | None, ...] | None = None, **more: Any
) -> Answer:
    """An answer with these verdicts; loose: the same unless given."""
    failures = ("the judge is down",) * strict.count(None)
    told = strict if loose is None else loose
    return Answer(text=more.pop("text", "x"), strict=strict, loose=told, failures=failures, **more)


def item(asked: RubricPrompt, *answers: Answer) -> Item:
    """A prompt with its answers."""
    return Item(prompt=asked, answers=answers)
