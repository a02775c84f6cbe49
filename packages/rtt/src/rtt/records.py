"""Scored rollouts on disk: one JSON line a response, nothing lost, written while training runs.

In: scored groups with the advantages their tokens got. Out: `rollouts.jsonl`, from which
`rtt-show` draws and every figure can be computed again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import DataError
from lmcommon.judge.types import Criterion, Rubric, Verdict
from lmcommon.runlog import finite
from rtt.types import Rollout, ScoredGroup, ScoredRollout

__all__ = ["RolloutRecord", "prompt_of", "read_record", "read_rollouts", "records_of",
           "write_rollouts"]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRecord:
    """One scored response with what its tokens got.

    Example:
        `RolloutRecord(step=3, group=0, sample=1, prompt=prompt, scored=scored,
        advantage=(0.5, -0.1), label="RTT-AON")`
    """

    step: int
    """Optimiser step (or 0 where nothing is trained)."""
    group: int
    """Which prompt of the step."""
    sample: int
    """Which sample of the prompt."""
    prompt: RubricPrompt
    scored: ScoredRollout
    advantage: tuple[float, ...]
    """What each token was trained with, [T]; empty where no credit was given."""
    label: str = ""
    """Name of the credit scheme."""


def records_of(
    groups: Sequence[ScoredGroup],
    advantages: Sequence[Sequence[float]] = (),
    *,
    step: int = 0,
    label: str = "",
) -> list[RolloutRecord]:
    """Records of all samples of `groups`, in order.

    Args:
        groups: Scored groups.
        advantages: One row a sample, at least as long as its response; empty: no credit.
        step: Optimiser step.
        label: Name of the credit scheme.
    """
    records = []
    rows = iter(advantages)
    for number, group in enumerate(groups):
        for place, scored in enumerate(group.samples):
            row = tuple(next(rows))[: len(scored.rollout.tokens)] if advantages else ()
            records.append(
                RolloutRecord(
                    step=step,
                    group=number,
                    sample=place,
                    prompt=group.prompt,
                    scored=scored,
                    advantage=row,
                    label=label,
                )
            )
    return records


def write_rollouts(path: Path, records: Sequence[RolloutRecord]) -> None:
    """Append records to a file, one JSON line each. A number that is none (NaN) becomes null."""
    lines = "".join(_line(one) + "\n" for one in records)
    with path.open("a", encoding="utf-8") as out:
        out.write(lines)


def read_rollouts(path: Path) -> Iterator[RolloutRecord]:
    """Read records; a last line that a kill cut short is left out.

    Raises:
        DataError: Another line is not a record; names file, line and field.
    """
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream):
            if not line.endswith("\n"):
                return
            try:
                yield read_record(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise DataError(
                    f"expected a rollout record; {error!r}", path=str(path), row=number
                ) from error


def _line(record: RolloutRecord) -> str:
    line = json.dumps(finite(asdict(record)), ensure_ascii=False, allow_nan=False)
    if any("\ud800" <= character <= "\udfff" for character in line):
        return json.dumps(finite(asdict(record)))  # half a surrogate pair cannot be UTF-8
    return line


def _numbers(values: Iterable[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if one is None else one for one in values)


def read_record(loaded: Mapping[str, Any]) -> RolloutRecord:
    """A record from one parsed line; KeyError, TypeError or ValueError where it is none."""
    scored = loaded["scored"]
    return RolloutRecord(
        step=loaded["step"], group=loaded["group"], sample=loaded["sample"],
        prompt=prompt_of(loaded["prompt"]),
        scored=ScoredRollout(
            rollout=_rollout(scored["rollout"]),
            verdicts=tuple(_verdict(one) for one in scored["verdicts"]),
            relevance=tuple(_numbers(row) for row in scored["relevance"]),
        ),
        advantage=_numbers(loaded["advantage"]), label=loaded["label"],
    )  # fmt: skip


def prompt_of(loaded: Mapping[str, Any]) -> RubricPrompt:
    """A prompt from the plain mapping that `dataclasses.asdict` makes of it."""
    criteria = tuple(
        Criterion(**{**one, "tags": tuple(one["tags"])}) for one in loaded["rubric"]["criteria"]
    )
    return RubricPrompt(**{**loaded, "rubric": Rubric(criteria)})


def _rollout(loaded: dict[str, Any]) -> Rollout:
    return Rollout(
        **{
            **loaded,
            "tokens": tuple(loaded["tokens"]),
            "logprobs": _numbers(loaded["logprobs"]),
            "offsets": tuple(tuple(span) for span in loaded["offsets"]),
        }
    )


def _verdict(loaded: dict[str, Any]) -> Verdict:
    spans = loaded["spans"]
    return Verdict(
        **{**loaded, "spans": None if spans is None else tuple(tuple(span) for span in spans)}
    )
