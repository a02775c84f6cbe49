"""An exploration: what the model sees each turn, and what its actions do.

The state is a frontier of operations, the notebook, and the result of the last action. A turn shows
the case, the notebook and that one result, so its size is bounded however long the exploration is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from lmcommon.llm.types import Message
from lmcommon.prompt import Prompt, load_prompt
from memtrace.attribution.case import Case
from memtrace.attribution.tracing.asking import case_lines, path_line, start_lines, suspect_lines
from memtrace.attribution.tracing.following import follow
from memtrace.attribution.tracing.frontier import Added, Frontier
from memtrace.attribution.tracing.patterns import Pattern
from memtrace.attribution.tracing.quoting import fence
from memtrace.attribution.tracing.region import Region
from memtrace.attribution.tracing.tools import Tools
from memtrace.attribution.tracing.turns import Turns
from memtrace.attribution.tracing.types import TracingSettings
from memtrace.attribution.tracing.verdict import VERDICT_FIELDS, definitions
from memtrace.types import Operation, Variable

__all__ = ["Exploration"]

_TARGETS = 16
_TEXT = {"type": "string"}
"""Without a length: engines that decode by a grammar get slow on bounded strings."""
_ACTIONS = ("follow", "open", "expand", "view", "diff", "search", "state", "finish")
_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "action": {"enum": list(_ACTIONS)},
        "target": _TEXT,
        "targets": {"type": "array", "items": _TEXT},
        "other": _TEXT,
        "pattern": _TEXT,
        "page": {"type": "integer", "minimum": 1},
        "note": _TEXT,
        **VERDICT_FIELDS,
    },
    "required": ["action"],
    "additionalProperties": False,
}


class Exploration(Turns):
    """One sample's walk through a region.

    Args:
        case: The case.
        region: Where to walk.
        starts: Messages to begin with; their readers are the first frontier.
        settings: Sizes.
    """

    schema = _SCHEMA

    def __init__(
        self, case: Case, region: Region, starts: Sequence[Variable], settings: TracingSettings
    ) -> None:
        super().__init__(region)
        self.frontier = Frontier(settings.frontier_cap)
        self._tools = Tools(region, settings)
        self._head = [*case_lines(case, region), *start_lines(case, region, starts)]
        self._head += [path_line(region)]
        self._head += suspect_lines(case, region) if settings.sees_suspects else []
        readers = {op.id: op for start in starts for op in region.readers(start)}
        added = self.frontier.add(sorted(readers.values(), key=lambda op: op.seq))
        self._result = [*self._told(added), *self._open_earliest(None)]

    def messages(self, turn: int, left: str, *, is_last: bool) -> tuple[Message, ...]:
        """What the model is shown in a turn."""
        data = fence([*self._head, *self._state(), "result of the last action:", *self._result])
        ask = 'Reply with the action "finish" now.' if is_last else "Reply with one JSON action."
        shown = _turn_prompt().fill(data=data, turn=str(turn), left=left, ask=ask)
        system = _system_prompt().fill(definitions=definitions())
        return Message("system", system), Message("user", shown)

    def _done(self, action: str, reply: Mapping[str, Any]) -> list[str]:
        return _TOOLS[action](self, reply)

    def _state(self) -> list[str]:
        handle = self._region.handle
        active = self.frontier.active
        opened = " ".join(handle(op) for op in self.frontier.opened[-12:]) or "none"
        waiting = " ".join(handle(op) for op in self.frontier.waiting) or "none"
        return [
            *self._notes,
            f"operations opened: {opened}; open now: {handle(active) if active else 'none'}; "
            f"waiting: {waiting}",
        ]

    def _open_earliest(self, pattern: Pattern | None) -> list[str]:
        operation = self.frontier.open_earliest()
        if operation is None:
            return ["no operation waits: search, open one by its handle, or finish"]
        return ["opened:", *self._tools.open(operation, 1, pattern)]

    def _told(self, added: Added) -> list[str]:
        names = " ".join(self._region.handle(op) for op in added.dropped)
        return [f"the frontier is full; given up: {names}"] if names else []

    def _follow(self, reply: Mapping[str, Any]) -> list[str]:
        given = list(reply.get("targets", ()))[:_TARGETS]
        given += [reply["target"]] if "target" in reply else []
        variables = [self._region.variable(handle) for handle in given]
        pattern = _pattern(reply)
        if pattern is None:
            readers = {op.id: op for v in variables for op in self._region.readers(v)}
            added = self.frontier.add(sorted(readers.values(), key=lambda op: op.seq))
            return [*self._told(added), *self._open_earliest(None)]
        if not variables:
            raise ValueError('follow with a "pattern" needs "targets"')
        course = follow(self._region, variables, pattern)
        places: list[Operation] = [operation for operation, _ in course.lost]
        places += [self._region.maker] if course.reaches_answer else []
        places += self._searches() if course.resting and not course.reaches_answer else []
        added = self.frontier.add(places)
        lines = self._tools.course(course, pattern)
        return [*lines, *self._told(added), *self._open_earliest(pattern)]

    def _searches(self) -> list[Operation]:
        return [op for op in self._region.question_path() if op.kind == "retrieval"]

    def _open(self, reply: Mapping[str, Any]) -> list[str]:
        operation = self._region.operation(_target(reply))
        self.frontier.open(operation)
        return self._tools.open(operation, reply.get("page", 1), _pattern(reply))

    def _expand(self, reply: Mapping[str, Any]) -> list[str]:
        return self._tools.expand(self._region.variable(_target(reply)), reply.get("page", 1))

    def _view(self, reply: Mapping[str, Any]) -> list[str]:
        variable = self._region.variable(_target(reply))
        return self._tools.view(variable, reply.get("page", 1), _pattern(reply))

    def _diff(self, reply: Mapping[str, Any]) -> list[str]:
        new = self._region.variable(_target(reply))
        old = self._region.variable(reply["other"]) if "other" in reply else None
        return self._tools.diff(new, old, reply.get("page", 1))

    def _search(self, reply: Mapping[str, Any]) -> list[str]:
        pattern = _pattern(reply)
        if pattern is None:
            raise ValueError('search needs a "pattern"')
        return self._tools.search(pattern, reply.get("page", 1))

    def _memory(self, reply: Mapping[str, Any]) -> list[str]:
        operation = self._region.operation(_target(reply))
        return self._tools.state(operation, reply.get("page", 1), _pattern(reply))


_TOOLS: Mapping[str, Callable[[Exploration, Mapping[str, Any]], list[str]]] = {
    "follow": Exploration._follow, "open": Exploration._open, "expand": Exploration._expand,
    "view": Exploration._view, "diff": Exploration._diff, "search": Exploration._search,
    "state": Exploration._memory,
}  # fmt: skip


def _target(reply: Mapping[str, Any]) -> str:
    if "target" not in reply:
        raise ValueError(f'{reply["action"]} needs a "target"')
    return str(reply["target"])


def _pattern(reply: Mapping[str, Any]) -> Pattern | None:
    return Pattern(reply["pattern"]) if reply.get("pattern") else None


@cache
def _system_prompt() -> Prompt:
    return load_prompt("memtrace.attribution", "prompts/tracing.md", ["definitions"])


@cache
def _turn_prompt() -> Prompt:
    return load_prompt(
        "memtrace.attribution", "prompts/tracing_turn.md", ["data", "turn", "left", "ask"]
    )
