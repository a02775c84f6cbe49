"""What the page wants to be different in a replay, as it says it.

In: the body of a request. Out: a `Wish`, or what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memtrace.execution.interventions import Intervention, from_dict
from memtrace.viewing.types import RefusedError

__all__ = ["Wish", "question_at", "read_wish"]

_KEYS = ("interventions", "questions", "scopes")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be different, and for which questions.

    Example: `Wish([SetParameter(name="top_k", value=8)], questions=["q3"])`
    """

    interventions: Sequence[Intervention]
    questions: Sequence[str] | None = None
    """None: all."""
    scopes: Sequence[str] | None = None
    """None: all."""


def read_wish(body: Mapping[str, Any]) -> Wish:
    """The wish in the body of a request.

    Raises:
        UserError: It is malformed, or an intervention is of no known kind.
    """
    if unknown := sorted(body.keys() - set(_KEYS)):
        raise RefusedError(f"replay: expected {', '.join(_KEYS)}; got {unknown[0]!r}; leave it out")
    rows = body.get("interventions", [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise RefusedError(
            f"interventions: expected a list of objects {{kind, ...}}; got {rows!r:.80}; see "
            "memtrace-replay"
        )
    chosen = {key: body.get(key) for key in ("questions", "scopes")}
    for key, value in chosen.items():
        is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
        if value is not None and not is_list:
            raise RefusedError(f"{key}: expected a list of names; got {value!r:.80}; or leave out")
    return Wish([from_dict(row) for row in rows], **{k: v or None for k, v in chosen.items()})


def question_at(path: str) -> list[str] | None:
    """The question that a place serves; None: it fills the memory, or serves several."""
    head, _, rest = path.partition("/")
    return [head.removeprefix("ask ")] if rest and head.startswith("ask ") else None
