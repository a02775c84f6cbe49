"""Agreement of `lmcommon.verify` with the reference verdicts of IFBench, where the data is there.

Rows are joined by prompt: keys differ between versions of the set. The published verdicts come from
older checkers; on this sample none of the faults that were repaired since turns a verdict, so no
row is exempt.
"""

from pathlib import Path
from typing import Any

import pytest

from lmcommon.data import load_prompts
from lmcommon.data.ifeval import read_verdicts
from lmcommon.verify import check, scope_of

EXEMPT: dict[tuple[str, str], str] = {}
"""Key and constraint of a row that may differ, with the reason."""


def _pairs(folder: Path, mode: str) -> list[tuple[Any, Any]]:
    """Each published answer with its prompt."""
    rows = {row.prompt: row for row in load_prompts("ifbench", folder / "IFBench_test.dev.jsonl")}
    answers = read_verdicts(folder / f"reference_verdicts_{mode}.dev.jsonl.gz")
    return [(answer, rows[answer.prompt]) for answer in answers]


@pytest.mark.parametrize("mode", ["strict", "loose"])
def test_verdicts_equal_the_reference(shared_data: Path, mode: Any) -> None:
    differing, count = {}, 0
    for answer, row in _pairs(shared_data / "ifbench", mode):
        for criterion, wanted in zip(row.rubric.criteria, answer.satisfied, strict=True):
            verdict = check(
                criterion.constraint_id, criterion.kwargs, prompt=row.prompt,
                response=answer.response, mode=mode,
            )  # fmt: skip
            count += 1
            if verdict.satisfied != wanted:
                differing[row.id, criterion.constraint_id] = (wanted, answer.response[:200])
    assert count == 229
    assert differing.keys() <= EXEMPT.keys(), differing


def test_spans_lie_inside_the_responses(shared_data: Path) -> None:
    for answer, row in _pairs(shared_data / "ifbench", "loose"):
        for criterion in row.rubric.criteria:
            verdict = check(
                criterion.constraint_id, criterion.kwargs, prompt=row.prompt,
                response=answer.response, mode="loose",
            )  # fmt: skip
            for start, end in verdict.spans or ():
                assert 0 <= start < end <= len(answer.response), (row.id, criterion, start, end)


def test_every_prompt_is_read_without_a_warning(shared_data: Path) -> None:
    rows = load_prompts("ifbench", shared_data / "ifbench/IFBench_test.dev.jsonl")
    assert [row.id for row in rows if row.metadata["warnings"]] == []


def test_what_is_forbidden_has_no_spans_when_it_holds(shared_data: Path) -> None:
    """So that no evidence for a satisfied verdict is ever taken for an offence."""
    strange = []
    for answer, row in _pairs(shared_data / "ifbench", "strict"):
        for criterion in row.rubric.criteria:
            if scope_of(criterion.constraint_id, criterion.kwargs) != "forbidden":
                continue
            verdict = check(
                criterion.constraint_id, criterion.kwargs, prompt=row.prompt,
                response=answer.response,
            )  # fmt: skip
            if verdict.satisfied and verdict.spans:
                strange.append((row.id, criterion.constraint_id, verdict.spans))
    assert not strange
