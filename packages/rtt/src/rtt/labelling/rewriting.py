"""Negatives that a language model writes: minimal edits where no rule finds one, and omissions.

In: prompts with rubrics, compliant responses (edits) or nothing (omissions), a model. Out: one
`Negative` or `Unmade` an item, in order. The model is asked once; what it wrote counts only when
the verdicts prove that exactly the one criterion is broken (an omission may break others too).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import ParseError
from lmcommon.judge.asking import failure_text
from lmcommon.judge.types import Criterion, Verdict
from lmcommon.llm.base import ChatModel
from lmcommon.llm.structured import parse_reply
from lmcommon.llm.types import ChatResponse, Sampling, chat
from lmcommon.prompt import Prompt, load_prompt
from rtt.labelling.negatives import How, Negative, Unmade, broken_by, unmade
from rtt.verdicts.sources import VerdictSource

__all__ = ["EditAsked", "Rewriter", "withheld"]

_SCHEMA = {
    "type": "object",
    "properties": {"response": {"type": "string"}},
    "required": ["response"],
    "additionalProperties": False,
}
_DEFAULT = Sampling(max_tokens=2048)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditAsked:
    """A compliant response, and the criterion to break in it."""

    prompt: RubricPrompt
    response: str
    criterion: Criterion


def withheld(prompt: RubricPrompt, criterion: Criterion) -> str | None:
    """The prompt's text without the words that ask for a criterion; None if they are not found.

    They are those of `metadata["wording"]`, or the criterion's own text.
    """
    wording = prompt.metadata.get("wording")
    said = wording.get(criterion.id) if isinstance(wording, dict) else None
    for words in (said, criterion.text):
        if words and words in prompt.prompt:
            left = " ".join(prompt.prompt.replace(words, "").split(" "))
            return left.strip() or None
    return None


@dataclass(frozen=True, slots=True)
class _Problem:
    """Why there is no text."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Rewriter:
    """Has a model write negatives, and the verdicts check them.

    Example:
        `Rewriter(model=model, source=JudgedVerdicts()).omit([(prompt, criterion)])`.
    """

    model: ChatModel
    source: VerdictSource
    sampling: Sampling = _DEFAULT
    most_changed: float = 0.5
    """Share of the characters that an edit may change; more is no minimal edit."""

    @cached_property
    def edit_prompt(self) -> Prompt:
        """What asks for an edit."""
        fields = ("prompt", "response", "criterion", "others")
        return load_prompt("rtt.labelling", "prompts/edit.md", fields)

    @cached_property
    def omit_prompt(self) -> Prompt:
        """What withholds a criterion that cannot be cut out of the prompt."""
        return load_prompt("rtt.labelling", "prompts/omit.md", ("prompt", "criterion"))

    def edit(self, items: Sequence[EditAsked]) -> list[Negative | Unmade]:
        """Minimal edits, one call an item."""
        asked = [
            chat(self._edit_text(one), sampling=self.sampling, schema=_SCHEMA) for one in items
        ]
        replies = self.model.generate(asked)
        texts = [_edited_text(reply) for reply in replies]
        verdicts = self._verdicts(
            [(one.prompt, text) for one, text in zip(items, texts, strict=True)]
        )
        return [
            self._edit_of(one, text, told)
            for one, text, told in zip(items, texts, verdicts, strict=True)
        ]

    def omit(self, items: Sequence[tuple[RubricPrompt, Criterion]]) -> list[Negative | Unmade]:
        """Answers to prompts with one criterion withheld, one call an item."""
        asked = [
            chat(
                withheld(prompt, criterion)
                or self.omit_prompt.fill(prompt=prompt.prompt, criterion=criterion.text),
                sampling=self.sampling,
            )
            for prompt, criterion in items
        ]
        texts = [_answer_text(reply) for reply in self.model.generate(asked)]
        verdicts = self._verdicts(
            [(prompt, text) for (prompt, _), text in zip(items, texts, strict=True)]
        )
        return [
            _omission(prompt, criterion, text, told)
            for (prompt, criterion), text, told in zip(items, texts, verdicts, strict=True)
        ]

    def _edit_text(self, asked: EditAsked) -> str:
        others = [
            f"- {one.text}" for one in asked.prompt.rubric.criteria if one.id != asked.criterion.id
        ]
        return self.edit_prompt.fill(
            prompt=asked.prompt.prompt, response=asked.response, criterion=asked.criterion.text,
            others="\n".join(others) or "(none)",
        )  # fmt: skip

    def _verdicts(
        self, answers: Sequence[tuple[RubricPrompt, str | _Problem]]
    ) -> list[tuple[Verdict, ...]]:
        """Verdicts of the answers that are there, as one batch; none for the others."""
        there = [(prompt, text) for prompt, text in answers if isinstance(text, str)]
        told = iter(self.source.verdicts(there))
        return [next(told) if isinstance(text, str) else () for _, text in answers]

    def _edit_of(
        self, asked: EditAsked, text: str | _Problem, verdicts: tuple[Verdict, ...]
    ) -> Negative | Unmade:
        reason = text.reason if isinstance(text, _Problem) else ""
        if isinstance(text, str):
            changed = _changed(asked.response, text)
            if not changed:
                reason = "unchanged"
            elif changed > self.most_changed * max(len(asked.response), 1):
                reason = f"changed too much: {changed} of {len(asked.response)} characters"
            else:
                reason = _why_not(asked.prompt, asked.criterion, verdicts, is_alone=True)
        if reason or isinstance(text, _Problem):
            return unmade(asked.prompt, asked.criterion, "edit", reason)
        return _negative(asked.prompt, asked.criterion, text, verdicts, "edit", changed)


def _edited_text(reply: ChatResponse) -> str | _Problem:
    if reply.failure is not None:
        return _Problem(failure_text(reply.failure.kind, reply.failure.message))
    try:
        value: dict[str, Any] = reply.parsed or parse_reply(reply.text, _SCHEMA)
    except ParseError as error:
        return _Problem(f"unreadable reply: {error}")
    text: str = value["response"]
    return text if text.strip() else _Problem("empty reply")


def _answer_text(reply: ChatResponse) -> str | _Problem:
    if reply.failure is not None:
        return _Problem(failure_text(reply.failure.kind, reply.failure.message))
    if reply.finish_reason == "length":
        return _Problem("the answer was cut off")
    return reply.text if reply.text.strip() else _Problem("empty reply")


def _omission(
    prompt: RubricPrompt, criterion: Criterion, text: str | _Problem, verdicts: tuple[Verdict, ...]
) -> Negative | Unmade:
    if isinstance(text, _Problem):
        return unmade(prompt, criterion, "omission", text.reason)
    if reason := _why_not(prompt, criterion, verdicts, is_alone=False):
        return unmade(prompt, criterion, "omission", reason)
    return _negative(prompt, criterion, text, verdicts, "omission", None)


def _why_not(
    prompt: RubricPrompt, criterion: Criterion, verdicts: Sequence[Verdict], *, is_alone: bool
) -> str:
    """Why this is no negative of the criterion; empty if it is one."""
    told = dict(zip((one.id for one in prompt.rubric.criteria), verdicts, strict=True))
    mine = told[criterion.id]
    if mine.satisfied is None:
        return f"no verdict: {mine.failure}"
    if mine.satisfied:
        return "the criterion still holds"
    if not is_alone:
        return ""
    broken = broken_by(prompt, verdicts)
    if broken is None:
        failures = [verdict.failure for verdict in verdicts if verdict.failure]
        return f"another criterion has no verdict: {failures[0]}"
    others = [one for one in broken if one != criterion.id]
    return f"breaks others too: {', '.join(others)}" if others else ""


def _negative(
    prompt: RubricPrompt, criterion: Criterion, text: str, verdicts: tuple[Verdict, ...], how: How,
    cost: int | None,
) -> Negative:  # fmt: skip
    return Negative(
        prompt=prompt, response=text, broken=criterion, verdicts=verdicts, how=how, cost=cost
    )


def _changed(before: str, after: str) -> int:
    """Characters taken out and put in, by a comparison of words."""
    left, right = _pieces(before), _pieces(after)
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    return sum(
        len("".join(left[i1:i2])) + len("".join(right[j1:j2]))
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    )


def _pieces(text: str) -> list[str]:
    return re.findall(r"\w+|\W", text)
