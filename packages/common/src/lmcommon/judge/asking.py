"""Put yes/no questions to a language model and read strict verdicts.

In: filled prompts. Out: one `Verdict` each, in order; a failed call or an unreadable reply is an
unscored verdict that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from lmcommon.errors import ParseError
from lmcommon.judge.base import JudgeItem
from lmcommon.judge.parse import VERDICT_SCHEMA, parse_json_verdict, parse_tag_verdict
from lmcommon.judge.types import Verdict
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatResponse, Sampling, chat
from lmcommon.prompt import Prompt, load_prompt

__all__ = [
    "DEFAULT_SAMPLING", "ReplyForm", "ask_verdicts", "but_for_graded", "failure_text",
    "form_prompt",
]  # fmt: skip

ReplyForm = Literal["json", "tag"]
"""How a model is asked to reply: a JSON object by schema, or prose with a last tag line."""

DEFAULT_SAMPLING = Sampling(max_tokens=512)


def form_prompt(form: ReplyForm) -> Prompt:
    """The closing instruction of a form.

    Raises:
        ValueError: Unknown form.
    """
    if form not in ("json", "tag"):
        raise ValueError(f"form: expected 'json' or 'tag', got {form!r}")
    return load_prompt("lmcommon.judge", f"prompts/format_{form}.md", ())


def ask_verdicts(
    model: ChatModel, texts: Sequence[str], *, form: ReplyForm, sampling: Sampling
) -> list[Verdict]:
    """Ask the model every text, as one batch."""
    schema = VERDICT_SCHEMA if form == "json" else None
    responses = model.generate([chat(text, sampling=sampling, schema=schema) for text in texts])
    return [_verdict(response, form) for response in responses]


def but_for_graded(
    items: Sequence[JudgeItem], judge: Callable[[list[JudgeItem]], list[Verdict]]
) -> list[Verdict]:
    """The verdicts of a judge that says yes or no; what must be graded is unscored."""
    told = iter(judge([item for item in items if not item.criterion.is_graded]))
    return [
        Verdict.unscored(
            f"criterion {item.criterion.id!r} is to be graded, not answered by yes or no "
            "(lmcommon.judge.GradedJudge)"
        )
        if item.criterion.is_graded
        else next(told)
        for item in items
    ]


def failure_text(kind: str, message: str) -> str:
    """How a failed call reads in `Verdict.failure`."""
    return f"model failure ({kind}): {message}"


def _verdict(response: ChatResponse, form: ReplyForm) -> Verdict:
    if response.failure is not None:
        return Verdict.unscored(failure_text(response.failure.kind, response.failure.message))
    parse = parse_json_verdict if form == "json" else parse_tag_verdict
    try:
        satisfied, reason = parse(response.text)
    except ParseError as error:
        return Verdict.unscored(f"unreadable verdict: {error}")
    return Verdict(satisfied=satisfied, rationale=reason)
