"""Baseline: search in a flat log of operations, without any edge between them.

The published one (operation-block search) with the same case, budget, verdict and validation as
tracing. An operation shows the texts it read and made, and nothing that tells where a text came
from or went: no ids, no items, no versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from lmcommon.embed import Embedder
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import Message, Sampling
from lmcommon.prompt import Prompt, load_prompt
from memtrace.attribution.baselines.asked import close
from memtrace.attribution.case import Case
from memtrace.attribution.tracing.asking import case_lines, text_lines
from memtrace.attribution.tracing.dialogue import Purse, converse
from memtrace.attribution.tracing.patterns import Pattern
from memtrace.attribution.tracing.quoting import fence, quote
from memtrace.attribution.tracing.region import Region
from memtrace.attribution.tracing.rendering import excerpt, paged, title
from memtrace.attribution.tracing.starts import StartPoints
from memtrace.attribution.tracing.turns import Turns
from memtrace.attribution.tracing.types import TracingSettings
from memtrace.attribution.tracing.verdict import VERDICT_FIELDS, definitions
from memtrace.types import Operation, Variable

__all__ = ["FlatLogStage"]

_TEXT = {"type": "string"}
_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "action": {"enum": ["grep", "window", "open", "finish"]},
        "target": _TEXT,
        "pattern": _TEXT,
        "page": {"type": "integer", "minimum": 1},
        "note": _TEXT,
        **VERDICT_FIELDS,
    },
    "required": ["action"],
    "additionalProperties": False,
}
_HIDDEN = frozenset({"request", "store"})
_ENDS, _BRIEF, _FULL = 8, 100, 1200


class FlatLogStage:
    """Blames what a model finds by grepping the log; closes the case.

    Args:
        model: Any chat model that writes JSON.
        settings: Budget and page lengths, as for tracing. One sample.
        embedder: For the ranked evidence, as for tracing.
    """

    name = "flat_log"

    def __init__(
        self, model: ChatModel, settings: TracingSettings | None = None, *,
        embedder: Embedder | None = None,
    ) -> None:  # fmt: skip
        self._model = model
        self._settings = settings or TracingSettings()
        self._starts = StartPoints(embedder)

    def examine(self, case: Case) -> None:
        """Close a case."""
        settings = self._settings
        starts = self._starts.find(case, settings.start_points)
        log = _Log(case, Region(case, [start.id for start in starts]), starts, settings)
        purse = Purse(settings.max_calls, settings.max_tokens)
        rows: list[dict[str, object]] = []
        sampling = Sampling(
            max_tokens=settings.reply_tokens, temperature=settings.temperature or 0.0
        )
        ending = converse(log, self._model, purse, sampling, draw=0, log=rows)
        case.transcript += [{"stage": self.name, **row} for row in rows]
        close(case, ending, self.name)


class _Log(Turns):
    """The log and what the model does with it."""

    schema = _SCHEMA

    def __init__(
        self, case: Case, region: Region, starts: Sequence[Variable], settings: TracingSettings
    ) -> None:
        super().__init__(region)
        self._page = settings.page_chars
        self._operations = list(region.operations())
        self._head = [*case_lines(case, region), *text_lines(case, starts)]
        self._result = self._overview()

    def messages(self, turn: int, left: str, *, is_last: bool) -> tuple[Message, ...]:
        """What the model is shown in a turn."""
        data = fence([*self._head, *self._notes, "result of the last action:", *self._result])
        ask = 'Reply with the action "finish" now.' if is_last else "Reply with one JSON action."
        shown = _turn_prompt().fill(data=data, turn=str(turn), left=left, ask=ask)
        return (
            Message("system", _system_prompt().fill(definitions=definitions())),
            Message("user", shown),
        )

    def _done(self, action: str, reply: Mapping[str, Any]) -> list[str]:
        lines = self._grep(reply) if action == "grep" else self._blocks(reply)
        return paged(lines, reply.get("page", 1), self._page)

    def _overview(self) -> list[str]:
        count = len(self._operations)
        shown = [title(self._region, op) for op in self._operations]
        if count > 2 * _ENDS:
            shown = [*shown[:_ENDS], f"({count - 2 * _ENDS} more)", *shown[-_ENDS:]]
        return [f"the log has {count} operations", *shown]

    def _grep(self, reply: Mapping[str, Any]) -> list[str]:
        if not reply.get("pattern"):
            raise ValueError('grep needs a "pattern"')
        pattern = Pattern(reply["pattern"])
        lines = []
        for operation in self._operations:
            for side, texts in self._sides(operation):
                found = next((text for text in texts if pattern.is_in(text)), None)
                if found is not None:
                    part = excerpt(found, _BRIEF, pattern).removesuffix(" MATCHES")
                    lines.append(f"{title(self._region, operation)} {side}: {part}")
        return [f"{len(lines)} matches of {quote(pattern.text)}", *lines]

    def _blocks(self, reply: Mapping[str, Any]) -> list[str]:
        if "target" not in reply:
            raise ValueError(f'{reply["action"]} needs a "target"')
        first = self._region.operation(str(reply["target"]))
        if reply["action"] == "open":
            return self._block(first, _FULL)
        later = (op for op in self._operations if op.seq >= first.seq)
        return [line for op in later for line in self._block(op, 2 * _BRIEF)]

    def _block(self, operation: Operation, limit: int) -> list[str]:
        lines = [title(self._region, operation)]
        for side, texts in self._sides(operation):
            lines += [f"  {side}: {excerpt(text, limit)}" for text in texts]
        return lines

    def _sides(self, operation: Operation) -> list[tuple[str, list[str]]]:
        """Texts read and texts made, templates and records left out."""
        reader = self._region.reader
        sides = []
        for side, identifiers in (("in", operation.input_ids), ("out", operation.output_ids)):
            variables = [reader.variable(identifier) for identifier in identifiers]
            shown = [v for v in variables if v.kind not in _HIDDEN]
            sides.append((side, [reader.text(v.id) for v in shown]))
        return sides


@cache
def _system_prompt() -> Prompt:
    return load_prompt("memtrace.attribution", "prompts/flat_log.md", ["definitions"])


@cache
def _turn_prompt() -> Prompt:
    return load_prompt(
        "memtrace.attribution", "prompts/tracing_turn.md", ["data", "turn", "left", "ask"]
    )
