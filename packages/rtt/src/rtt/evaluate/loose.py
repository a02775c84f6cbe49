"""Loose verdicts beside a run's records: computed where strict ones fail, kept in own files.

In: scored groups. Out: whether each criterion is met by the best of eight readings of the response
(Zhou et al. 2023, arXiv 2311.07911), and rows of these. The response as it is is one of the eight,
so what is met strictly is met loosely, and only failures are read again.

A batch's rows are written before its records: a kill leaves rows too many, never too few, and the
same rows are written again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import DataError
from lmcommon.judge.types import Criterion
from lmcommon.verify import check
from rtt.evaluate.answers import Met
from rtt.records.record import Place
from rtt.types import ScoredRollout

__all__ = ["keep_loose", "loose_of", "read_loose"]

_FILES = "loose-[0-9]*.jsonl"


def loose_of(prompt: RubricPrompt, scored: ScoredRollout) -> Met:
    """Whether each criterion is met in the loose reading, [R]."""
    return tuple(
        _loose(prompt, criterion, scored.rollout.text, criterion.is_met(verdict.satisfied))
        for criterion, verdict in zip(prompt.rubric.criteria, scored.verdicts, strict=True)
    )


def keep_loose(folder: Path, rank: int, rows: Mapping[Place, Met]) -> None:
    """Append the rows of a batch to the file of this process."""
    path = folder / f"loose-{rank:05d}.jsonl"
    text = "".join(
        json.dumps({"place": list(place), "met": list(met)}) + "\n" for place, met in rows.items()
    )
    is_torn = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
    with path.open("a", encoding="utf-8") as out:
        out.write(("\n" if is_torn else "") + text)


def read_loose(folder: Path) -> dict[Place, Met]:
    """The rows of all processes by place; what a kill has torn was written again.

    Raises:
        DataError: A whole line is no row.
    """
    rows: dict[Place, Met] = {}
    for path in sorted(folder.glob(_FILES)):
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n")):
            if not line.endswith("}"):
                continue
            try:
                row = json.loads(line)
                step, group, sample = row["place"]
                rows[step, group, sample] = tuple(row["met"])
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"expected a row of loose verdicts; {error!r}", path=str(path), row=number
                ) from error
    return rows


def _loose(
    prompt: RubricPrompt, criterion: Criterion, response: str, met: bool | None
) -> bool | None:
    if met is not False or criterion.constraint_id is None or criterion.weight < 0:
        return met
    return check(
        criterion.constraint_id, criterion.kwargs, prompt=prompt.prompt, response=response,
        mode="loose",
    ).satisfied  # fmt: skip
