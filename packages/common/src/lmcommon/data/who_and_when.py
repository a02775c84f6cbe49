"""Who&When: logs of multi-agent systems that failed, with the agent and step that decided it.

arXiv 2505.00212, MIT. One row (or one file, as upstream has it) is one log. Steps count from 0;
`mistake_step` is a text that holds a number. The two sets differ: generated logs have the agent in
`name`, hand-crafted ones in `role`, there with a suffix such as ` (thought)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lmcommon.data.files import is_data_file, read_rows
from lmcommon.data.rows import Row
from lmcommon.errors import UserError

__all__ = ["AgentLog", "AgentStep", "parse_who_and_when", "read_who_and_when"]

_SUFFIX = re.compile(r"\s*\([^()]*\)\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStep:
    """One message of a log. Example: `AgentStep(agent="WebSurfer", text="I typed ...")`."""

    agent: str
    """Who wrote it, without a suffix."""
    text: str
    role: str = ""
    """As the log has it, such as `Orchestrator (thought)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLog:
    """A failed log with its label.

    Example:
        `AgentLog(id="Algorithm-Generated/1", question="How many ...?", gold="8", steps=(...),
        mistake_agent="Excel_Expert", mistake_step=2, reason="counted odd numbers")`
    """

    id: str
    question: str
    gold: str
    steps: tuple[AgentStep, ...]
    mistake_agent: str
    mistake_step: int
    """Index into `steps`."""
    reason: str = ""
    level: str = ""
    source: str = ""
    """`algorithm_generated` or `hand_crafted`."""

    @property
    def is_consistent(self) -> bool:
        """Whether the agent at the labelled step is the labelled agent: in a few it is not."""
        return self.steps[self.mistake_step].agent == self.mistake_agent


def read_who_and_when(path: str | Path) -> Iterator[AgentLog]:
    """Read the logs of a file (`.json`, `.jsonl`, `.gz`) or of all such files of a folder.

    Raises:
        UserError: Nothing is there.
        DataError: A row is malformed.
    """
    where = Path(path)
    files = [where] if where.exists() else []
    if where.is_dir():
        named = (one for one in where.rglob("*.json*") if is_data_file(one.name))
        files = sorted((one for one in named if one.name != "MANIFEST.json"), key=_natural)
    if not files:
        raise UserError(f"{path}: expected files of Who&When (.json, .jsonl, .gz); got none")
    for file in files:
        for row in read_rows(file):
            yield parse_who_and_when(row)


def parse_who_and_when(row: Row) -> AgentLog:
    """Read one log.

    Raises:
        DataError: A field is missing or of another type, or the step is not in the log.
    """
    is_generated = row.has("is_correct") or row.has("system_prompt")
    steps = tuple(_step(part) for part in row.rows("history"))
    number = _number(row)
    if not 0 <= number < len(steps):
        raise row.error(f"expected a step from 0 to {len(steps) - 1}; got {number}", "mistake_step")
    return AgentLog(
        id=_name(row), question=row.text("question"), steps=steps,
        gold=row.scalar_text("ground_truth"), mistake_agent=row.text("mistake_agent"),
        mistake_step=number, reason=row.text_or("mistake_reason"),
        level=row.scalar_text("level") if row.has("level") else "",
        source="algorithm_generated" if is_generated else "hand_crafted",
    )  # fmt: skip


def _step(part: Row) -> AgentStep:
    role = part.text("role")
    name = part.text("name") if part.has("name") else _SUFFIX.sub("", role)
    return AgentStep(agent=name, text=part.text("content"), role=role)


def _number(row: Row) -> int:
    text = row.scalar_text("mistake_step").strip()
    if not re.fullmatch(r"-?\d+", text):
        raise row.error(f"expected a whole number, got {text!r}", "mistake_step")
    return int(text)


def _name(row: Row) -> str:
    """The upstream file where it is told (the question's id is not unique over both sets)."""
    if row.has("_file"):
        kept = Path(row.text("_file"))
        return f"{kept.parent.name}/{kept.stem}"
    path = Path(row.path)
    return f"{path.name.partition('.')[0]}/{row.index}"


def _natural(path: Path) -> tuple[str, int, str]:
    """Files in the order of their numbers: 2.json before 10.json."""
    number = re.match(r"\d+", path.name)
    return str(path.parent), int(number[0]) if number else -1, path.name
