"""Baseline: the whole record in one prompt, cut from its start where it does not fit."""

from __future__ import annotations

from functools import cache

from lmcommon.embed import Embedder
from lmcommon.llm.base import ChatModel
from lmcommon.llm.tally import Tally
from lmcommon.llm.types import Sampling, chat
from lmcommon.prompt import Prompt, load_prompt
from memtrace.attribution.baselines.asked import close
from memtrace.attribution.case import Case
from memtrace.attribution.tracing.asking import case_lines, text_lines
from memtrace.attribution.tracing.quoting import fence
from memtrace.attribution.tracing.region import Region
from memtrace.attribution.tracing.rendering import operation_lines
from memtrace.attribution.tracing.starts import StartPoints
from memtrace.attribution.tracing.types import Ending
from memtrace.attribution.tracing.verdict import VERDICT_SCHEMA, definitions, finding_of

__all__ = ["WholeTraceStage"]

_BYTES_A_TOKEN = 4
_REPLY_TOKENS = 300
_ROOM_TOKENS = 900
"""Set aside for the system prompt, the schema and the reply."""


class WholeTraceStage:
    """Asks once, with every operation of the region before the model's eyes.

    Args:
        model: Any chat model.
        max_tokens: Of the prompt (four bytes a token); the earliest operations are left out first.
        value_chars: How much of one value is shown.
        start_points: Messages shown ahead of the record, as for tracing.
        embedder: For finding them, as for tracing.
    """

    name = "whole_trace"

    def __init__(
        self, model: ChatModel, max_tokens: int = 30_000, *, value_chars: int = 2000,
        start_points: int = 8, embedder: Embedder | None = None,
    ) -> None:  # fmt: skip
        self._model = model
        self._max_tokens, self._value_chars = max_tokens, value_chars
        self._start_points, self._starts = start_points, StartPoints(embedder)

    def examine(self, case: Case) -> None:
        """Close a case."""
        starts = self._starts.find(case, self._start_points)
        region = Region(case, [start.id for start in starts])
        room = (self._max_tokens - _ROOM_TOKENS) * _BYTES_A_TOKEN
        head = [*case_lines(case, region), *text_lines(case, starts)]
        room -= len("\n".join(head).encode())
        kept: list[list[str]] = []
        for operation in reversed(list(region.operations())):
            block = operation_lines(region, operation, self._value_chars)
            room -= len("\n".join(block).encode()) + 1
            if room < 0:
                break
            kept.append(block)
        left_out = len(region) - len(kept)
        remark = [f"(the first {left_out} operations are left out)"] if left_out else []
        body = [line for block in reversed(kept) for line in block]
        request = chat(
            fence([*head, *remark, *body]), system=_prompt().fill(definitions=definitions()),
            schema=VERDICT_SCHEMA, sampling=Sampling(max_tokens=_REPLY_TOKENS),
        )  # fmt: skip
        response = self._model.generate([request])[0]
        tally = Tally()
        tally.count([response])
        case.transcript.append({
            "stage": self.name, "sample": 0, "turn": 1, "model": response.model,
            "shown": request.messages[-1].content, "reply": response.text,
            "failure": None if response.failure is None
            else f"{response.failure.kind}: {response.failure.message}",
        })  # fmt: skip
        spent = tally.take()
        if response.failure is not None:
            failure = f"{response.failure.kind}: {response.failure.message}"
            close(case, Ending(failure=failure, turns=1, spent=spent), self.name)
            return
        try:
            finding = finding_of(response.parsed, region)
        except ValueError as error:
            close(case, Ending(failure=str(error), turns=1, spent=spent), self.name)
            return
        close(case, Ending(finding=finding, turns=1, spent=spent), self.name)


@cache
def _prompt() -> Prompt:
    return load_prompt("memtrace.attribution", "prompts/whole_trace.md", ["definitions"])
