"""Verdicts in the format of IFEval's and IFBench's own programs, and comparison with theirs.

In: items. Out: `eval_results_strict.jsonl` and `eval_results_loose.jsonl` as the reference programs
write them, or where our verdicts and a reference file differ, row by row. Rows are joined by prompt
and response, because keys differ between versions of the sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lmcommon.data.ifeval import ReferenceVerdict, read_verdicts
from lmcommon.judge.types import Criterion
from lmcommon.runlog import write_lines
from rtt.evaluate.answers import Answer, Item, Reading

__all__ = ["Compared", "Difference", "compare_verdicts", "write_responses", "write_verdicts"]


def write_verdicts(path: Path, items: Sequence[Item], reading: Reading) -> int:
    """Write one row a response, as the reference programs do, with its sample's number if several.

    A criterion without a check is named by its id. A response with a verdict missing is left out:
    the format has no word for it, and a reader would take it for a failure.

    Returns:
        Responses left out.
    """
    rows, left_out = [], 0
    for item in items:
        for sample, answer in enumerate(item.answers):
            if None in answer.met(reading):
                left_out += 1
                continue
            rows.append(_row(item, answer, reading, sample))
    write_lines(path, rows)
    return left_out


def write_responses(path: Path, items: Sequence[Item]) -> None:
    """Write the responses alone, to be judged again or by another judge: rows that are given.

    A prompt's canary, which its owners ask to keep with the text, is kept.
    """
    rows = [
        {
            "id": item.prompt.id,
            "prompt": item.prompt.prompt,
            "response": answer.text,
            **_canary(item),
        }
        for item in items
        for answer in item.answers
    ]
    write_lines(path, rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A criterion on which a reference verdict and ours differ.

    Example:
        `Difference(prompt="1879", constraint="length_constraints:number_sentences", ours=True,
        theirs=False, doubt="depends on the version of the sentence splitter")`
    """

    prompt: str
    constraint: str
    ours: bool | None
    theirs: bool
    doubt: str
    """Why the reference's verdict is known to be unsure; empty: it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Our verdicts against a reference file."""

    reading: Reading
    responses: int
    """Rows of the file that were compared."""
    criteria: int
    equal: int
    differences: tuple[Difference, ...]
    unmatched: tuple[str, ...]
    """First words of rows whose prompt and response are not among ours, or of other criteria."""
    unscored: int
    """Compared rows with a verdict of ours missing; the accuracies leave them out."""
    prompt_accuracy: tuple[float, float]
    """Ours and the reference's, over the compared rows."""
    criterion_accuracy: tuple[float, float]

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        """Differences that no known doubt explains."""
        return tuple(one for one in self.differences if not one.doubt)

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            **asdict(self), "differences": [asdict(one) for one in self.differences],
            "unexplained": len(self.unexplained), "unmatched": list(self.unmatched),
            "prompt_accuracy": list(self.prompt_accuracy),
            "criterion_accuracy": list(self.criterion_accuracy),
        }  # fmt: skip


def compare_verdicts(items: Sequence[Item], path: str | Path, reading: Reading) -> Compared:
    """Compare verdicts with a reference file.

    Args:
        items: Ours. Doubts come from `metadata["verdict_doubt"]`: by constraint, why its verdict
            is not the same in every run of the reference.
        path: As the reference programs write it.
        reading: Which verdicts of ours.

    Raises:
        DataError: A row of the file is malformed.
    """
    ours = {
        (item.prompt.prompt, answer.text): (item, answer)
        for item in items
        for answer in item.answers
    }
    differences: list[Difference] = []
    unmatched: list[str] = []
    pairs: list[tuple[list[bool | None], tuple[bool, ...]]] = []
    for theirs in read_verdicts(path):
        found = ours.get((theirs.prompt, theirs.response))
        if found is None or not _is_same_rubric(found[0], theirs):
            unmatched.append(theirs.prompt[:60])
            continue
        item, answer = found
        met = list(answer.met(reading))
        pairs.append((met, theirs.satisfied))
        differences += [
            Difference(
                prompt=item.prompt.id, constraint=_name(criterion), ours=mine, theirs=wanted,
                doubt=item.prompt.metadata.get("verdict_doubt", {}).get(_name(criterion), ""),
            )
            for criterion, mine, wanted in zip(
                item.prompt.rubric.criteria, met, theirs.satisfied, strict=True
            )
            if mine is not wanted
        ]  # fmt: skip
    number = sum(len(wanted) for _, wanted in pairs)
    whole = [(met, wanted) for met, wanted in pairs if None not in met]
    return Compared(
        reading=reading, responses=len(pairs), criteria=number, equal=number - len(differences),
        differences=tuple(differences), unmatched=tuple(unmatched),
        unscored=len(pairs) - len(whole),
        prompt_accuracy=_accuracies([([all(met)], [all(wanted)]) for met, wanted in whole]),
        criterion_accuracy=_accuracies(whole),
    )  # fmt: skip


def _row(item: Item, answer: Answer, reading: Reading, sample: int) -> dict[str, Any]:
    met = [bool(one) for one in answer.met(reading)]
    row = {
        "follow_all_instructions": all(met),
        "follow_instruction_list": met,
        "instruction_id_list": [_name(one) for one in item.prompt.rubric.criteria],
        "prompt": item.prompt.prompt,
        "response": answer.text,
    }
    number = {"sample": sample} if len(item.answers) > 1 else {}
    return {**row, **number, **_canary(item)}


def _canary(item: Item) -> dict[str, str]:
    canary = item.prompt.metadata.get("canary")
    return {"canary": canary} if canary else {}


def _name(criterion: Criterion) -> str:
    return criterion.constraint_id or criterion.id


def _is_same_rubric(item: Item, theirs: ReferenceVerdict) -> bool:
    return tuple(_name(one) for one in item.prompt.rubric.criteria) == theirs.constraint_ids


def _accuracies(
    pairs: Sequence[tuple[Sequence[bool | None], Sequence[bool]]],
) -> tuple[float, float]:
    number = sum(len(wanted) for _, wanted in pairs)
    if not number:
        return 0.0, 0.0
    mine = sum(one is True for met, _ in pairs for one in met)
    return mine / number, sum(sum(wanted) for _, wanted in pairs) / number
