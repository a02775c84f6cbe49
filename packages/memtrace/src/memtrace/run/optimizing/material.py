"""What an optimisation works on: a trace whose memories can be replayed, and its judge.

In: a trace (or the run folder it lies in). Out: its file, the memories to take, and the model's
configuration. What could only fail later is refused here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from lmcommon.judge import LlmAnswerJudge, NormalizedAnswerJudge
from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.base import ChatModel
from memtrace.execution.calls import TracedModel
from memtrace.graph.reading.trace import open
from memtrace.memory.specs import LLM, config_from
from memtrace.replaying.program import Asked, MemoryProgram, read_programs

__all__ = ["Material", "check_judge", "read_material", "recorded_llm", "traced_judge"]

_ATTEMPT = re.compile(r"#\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A recorded run to improve.

    Example: `Material(path=Path("runs/.../trace.db"), scopes=("rag/c1", "rag/c2"), ...)`
    """

    path: Path
    scopes: tuple[str, ...]
    """Memories to take."""
    left_out: tuple[str, ...]
    """Memories of attempts that were killed, which later ones stand for."""
    judges: tuple[Mapping[str, Any] | None, ...]
    """Identities of the judges of these memories."""
    llm: Any
    """Configuration of the model it was recorded with; None: unknown."""


def read_material(
    given: str | Path, *, system: str | None = None, scopes: Sequence[str] | None = None
) -> Material:
    """Look into a trace.

    Args:
        given: The trace, or the run folder of memtrace-trace.
        system: Only memories of this system, by what the run calls it.
        scopes: Only these memories.

    Raises:
        UserError: No such trace, system or memory.
    """
    path = Path(given).expanduser()
    path = path / "trace.db" if path.is_dir() else path
    with open(path) as trace:
        programs = read_programs(trace)
        recorded = trace.metadata.get(LLM)
    chosen, left_out = _chosen(programs, system, scopes)
    return Material(
        path=path, scopes=chosen, left_out=left_out, llm=recorded,
        judges=tuple(programs[name].judge for name in chosen),
    )  # fmt: skip


def recorded_llm(material: Material) -> Any:
    """The configuration of the model that a trace was made with.

    Raises:
        UserError: The trace does not say.
    """
    if material.llm is None:
        raise UserError(
            f"llm: expected the model that {material.path} was made with, which it does not say; "
            "choose one with llm=..."
        )
    return config_from(material.llm)


def traced_judge(model: ChatModel) -> AnswerJudge:
    """A judge that asks a model, as memtrace-trace builds it."""
    return LlmAnswerJudge(TracedModel(model, name="judge_call", kind="judge"))


def check_judge(material: Material, model: ChatModel) -> None:
    """Refuse a recording whose judge cannot be had again, before anything is spent.

    Args:
        material: The recording.
        model: The model that will answer.

    Raises:
        UserError: Nothing was judged, or by a judge that is not at hand.
    """
    known = [_told(one.identity) for one in (NormalizedAnswerJudge(), traced_judge(model))]
    for judge in material.judges:
        if judge is None:
            raise UserError(
                "judge: expected a trace whose answers were judged; this one's were not; give "
                "judge=normalized, or judge=llm"
            )
        if _told(judge) not in known:
            raise UserError(
                f"judge: the answers of the trace were judged by {judge.get('kind', '?')!r} of "
                "another model, which is not at hand; choose it with judge=llm llm@judge_llm=..."
            )


def _told(identity: Mapping[str, Any]) -> str:
    return json.dumps(dict(identity), sort_keys=True, default=dict)


def _chosen(
    programs: Mapping[str, MemoryProgram], system: str | None, scopes: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The memories to take, and those that a later attempt stands for."""
    if scopes is not None:
        if unknown := [one for one in scopes if one not in programs]:
            raise UserError(
                f"scopes: expected some of {', '.join(programs)}; got {unknown[0]!r}"
            )  # fmt: skip
        return tuple(dict.fromkeys(scopes)), ()
    names = [one for one in programs if system is None or one.startswith(f"{system}/")]
    if not names:
        known = dict.fromkeys(one.partition("/")[0] for one in programs)
        raise UserError(f"system: expected one of {', '.join(known)}; got {system!r}")
    best: dict[str, str] = {}
    for name in names:
        base = _ATTEMPT.sub("", name)
        if base not in best or _questions(programs[name]) >= _questions(programs[best[base]]):
            best[base] = name
    kept = tuple(best.values())
    return kept, tuple(name for name in names if name not in kept)


def _questions(program: MemoryProgram) -> int:
    if program.obstacle is not None:
        return -1
    return sum(len(one.questions) for one in program.events if isinstance(one, Asked))
