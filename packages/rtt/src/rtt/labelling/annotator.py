"""A language model as annotator: which words of a response decide a criterion.

In: responses with one criterion each (and the verdict, where it is known). Out: one `Annotated` an
item, in order: character spans, or the reason why its reply was rejected. Replies are read
strictly; segments are located up to case, white space and look-alike signs; a reply that
contradicts the verdict, as far as the paper's taxonomy can tell, is rejected, never mended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from lmcommon.errors import ParseError
from lmcommon.judge.asking import failure_text
from lmcommon.judge.types import Criterion
from lmcommon.llm.base import ChatModel
from lmcommon.llm.structured import parse_reply
from lmcommon.llm.types import ChatResponse, Sampling, chat
from lmcommon.prompt import Prompt, load_prompt
from lmcommon.verify.registry import is_known
from rtt.discriminator.examples import LabelledResponse
from rtt.discriminator.labels import AnnotationType, locate
from rtt.taxonomy import criterion_scope
from rtt.types import Span

__all__ = ["ANNOTATION_SCHEMA", "Annotated", "Annotator", "Rejection", "Unlabelled"]

ANNOTATION_SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"enum": list(get_args(AnnotationType))},
        "segments": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["type", "segments"],
    "additionalProperties": False,
}
_DEFAULT = Sampling(max_tokens=1024)

Rejection = Literal["model failure", "unreadable", "segments missing", "contradiction"]
"""Why a reply gives no labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabelled:
    """A response to be annotated for one criterion."""

    criterion: Criterion
    response: str
    prompt: str = ""
    prompt_id: str = ""
    satisfied: bool | None = None
    """The verdict; None: the annotator is not told."""
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotated:
    """What an annotator said of one item."""

    item: Unlabelled
    spans: tuple[Span, ...] | None = ()
    """Deciding characters; None: all of them. Without meaning for a rejected reply."""
    rejection: Rejection | None = None
    why: str = ""
    """Of the rejection, in words."""
    approximate: tuple[str, ...] = ()
    """Segments that were found only with tolerance."""
    reply: str = ""

    @property
    def row(self) -> LabelledResponse:
        """The labelled response of an accepted reply."""
        assert self.rejection is None, self.rejection
        return LabelledResponse(
            criterion=self.item.criterion.text, response=self.item.response, spans=self.spans,
            prompt=self.item.prompt, prompt_id=self.item.prompt_id,
            kind=self.item.criterion.constraint_id or "judged", satisfied=self.item.satisfied,
            source="annotator", origin=self.item.origin,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Annotator:
    """Asks a model, one call an item. Example: `Annotator(model=model).annotate(items)`."""

    model: ChatModel
    sampling: Sampling = _DEFAULT
    tolerant: bool = True
    """Whether segments may differ in case, white space and the form of quotes and dashes."""

    @cached_property
    def prompt(self) -> Prompt:
        """What the model is asked."""
        fields = ("prompt", "response", "criterion", "verdict")
        return load_prompt("rtt.labelling", "prompts/annotate.md", fields)

    def annotate(self, items: Sequence[Unlabelled]) -> list[Annotated]:
        """One result an item, in order; a failure is a rejection, never an empty label."""
        asked = [
            chat(self._text(item), sampling=self.sampling, schema=ANNOTATION_SCHEMA)
            for item in items
        ]
        replies = self.model.generate(asked)
        return [self._read(item, reply) for item, reply in zip(items, replies, strict=True)]

    def _text(self, item: Unlabelled) -> str:
        told = {
            None: "Whether the response meets the criterion is for you to see.",
            True: "The response meets the criterion.",
            False: "The response does not meet the criterion.",
        }
        return self.prompt.fill(
            prompt=item.prompt or "(not given)", response=item.response,
            criterion=item.criterion.text, verdict=told[item.satisfied],
        )  # fmt: skip

    def _read(self, item: Unlabelled, reply: ChatResponse) -> Annotated:
        def rejected(rejection: Rejection, why: str) -> Annotated:
            return Annotated(item=item, rejection=rejection, why=why, reply=reply.text)

        if reply.failure is not None:
            text = failure_text(reply.failure.kind, reply.failure.message)
            is_text = reply.failure.kind == "invalid_output"
            return rejected("unreadable" if is_text else "model failure", text)
        try:
            value: dict[str, Any] = reply.parsed or parse_reply(reply.text, ANNOTATION_SCHEMA)
        except ParseError as error:
            return rejected("unreadable", str(error))
        kind, segments = value["type"], value["segments"]
        if (kind == "partial_relevant") != bool(segments):
            expected = "at least one" if not segments else "none"
            return rejected(
                "unreadable", f"{kind} with {len(segments)} segments: {expected} expected"
            )
        located = locate(item.response, segments, tolerant=self.tolerant)
        if located.missing:
            return rejected("segments missing", f"not in the response: {list(located.missing)}")
        if problem := _contradiction(item, kind):
            return rejected("contradiction", problem)
        spans = None if kind == "all_relevant" else located.spans
        return Annotated(item=item, spans=spans, approximate=located.approximate, reply=reply.text)


def _contradiction(item: Unlabelled, kind: AnnotationType) -> str | None:
    """What the taxonomy says against a type, where scope and verdict are known."""
    constraint = item.criterion.constraint_id
    if constraint is None or not is_known(constraint):
        return None
    scope = criterion_scope(item.criterion)
    if scope == "global":
        return None if kind == "all_relevant" else f"{kind} of a criterion on the whole response"
    if item.satisfied is None or scope == "every":
        return None
    decides = item.satisfied is (scope == "required")
    if decides == (kind != "all_irrelevant"):
        return None
    state = "met" if item.satisfied else "broken"
    return f"{kind} of a criterion by which something is {scope}, and which is {state}"
