"""Rollout records as JSON lines: one a response, nothing lost, appended while a run goes on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import DataError
from lmcommon.judge.types import Criterion, Rubric, Verdict
from lmcommon.runlog import finite
from rtt.records.record import RolloutRecord
from rtt.types import Rollout, ScoredRollout

__all__ = [
    "plain_record",
    "prompt_of",
    "read_lines",
    "read_record",
    "record_line",
    "write_rollouts",
]


def write_rollouts(path: str | Path, records: Sequence[RolloutRecord]) -> None:
    """Append records to a file, one JSON line each. A number that is none (NaN) becomes null."""
    lines = "".join(record_line(one) + "\n" for one in records)
    with Path(path).open("a", encoding="utf-8") as out:
        out.write(lines)


def read_lines(path: Path) -> Iterator[RolloutRecord]:
    """Read the records of one file; a last line that a kill cut short is left out.

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


def record_line(record: RolloutRecord) -> str:
    """A record as one line of JSON, without its end."""
    plain = plain_record(record)
    line = json.dumps(plain, ensure_ascii=False, allow_nan=False)
    return line if is_unicode(line) else json.dumps(plain)


def is_unicode(text: str) -> bool:
    """Whether a text can be UTF-8: half a surrogate pair cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def plain_record(record: RolloutRecord) -> dict[str, Any]:
    """What `dataclasses.asdict` makes of a record, NaN as None, many times faster.

    Almost all of a record is rows of numbers, one a token: these are not gone through one by one
    unless there is a NaN among them.
    """
    scored, rollout = record.scored, record.scored.rollout
    return {
        "step": record.step, "group": record.group, "sample": record.sample,
        "prompt": finite(asdict(record.prompt)),
        "scored": {
            "rollout": {
                "prompt_id": rollout.prompt_id, "tokens": list(rollout.tokens),
                "logprobs": _finite_row(rollout.logprobs), "text": rollout.text,
                "offsets": [list(span) for span in rollout.offsets],
                "finish_reason": rollout.finish_reason, "policy_version": rollout.policy_version,
            },
            "verdicts": [finite(asdict(one)) for one in scored.verdicts],
            "relevance": [_finite_row(row) for row in scored.relevance],
        },
        "advantage": _finite_row(record.advantage), "label": record.label,
    }  # fmt: skip


def _finite_row(row: Sequence[float]) -> list[float | None]:
    return list(row) if all(map(math.isfinite, row)) else finite(row)


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
    criteria = tuple(_criterion(one) for one in loaded["rubric"]["criteria"])
    return RubricPrompt(**{**loaded, "rubric": Rubric(criteria)})


def _criterion(loaded: dict[str, Any]) -> Criterion:
    scale = loaded.get("scale")  # older records have none
    return Criterion(
        **{
            **loaded,
            "tags": tuple(loaded["tags"]),
            "scale": None if scale is None else tuple(scale),
        }
    )


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
