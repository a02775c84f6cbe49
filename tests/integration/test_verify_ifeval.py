"""Agreement of `lmcommon.verify` with the reference verdicts of IFEval, where the data is there.

Rows on which the reference itself is not reproducible (the data's README lists them) are exempt,
each in the modes in which it was seen to differ.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from lmcommon.verify import check

EXEMPT = {
    ("strict", 1389, "change_case:english_capital"): "language detector without a seed",
    ("loose", 1645, "change_case:english_capital"): "language detector without a seed",
    ("strict", 1879, "length_constraints:number_sentences"): "an older sentence splitter",
    ("loose", 1879, "length_constraints:number_sentences"): "an older sentence splitter",
}
"""Mode, key and constraint of a row that may differ, with the reason."""


def _lines(path: Path) -> list[dict[str, Any]]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("mode", ["strict", "loose"])
def test_verdicts_equal_the_reference(shared_data: Path, mode: Any) -> None:
    folder = shared_data / "ifeval"
    rows = {row["prompt"]: row for row in _lines(folder / "input_data.dev.jsonl")}
    differing, count = {}, 0
    for answer in _lines(folder / f"reference_verdicts_{mode}.dev.jsonl.gz"):
        row = rows[answer["prompt"]]
        triples = zip(
            row["instruction_id_list"],
            row["kwargs"],
            answer["follow_instruction_list"],
            strict=True,
        )
        for constraint_id, kwargs, wanted in triples:
            verdict = check(
                constraint_id, kwargs, prompt=row["prompt"], response=answer["response"], mode=mode
            )
            count += 1
            if verdict.satisfied != wanted:
                differing[mode, row["key"], constraint_id] = wanted
    assert count == 569
    assert differing.keys() <= EXEMPT.keys(), differing


def test_spans_lie_inside_the_responses(shared_data: Path) -> None:
    folder = shared_data / "ifeval"
    rows = {row["prompt"]: row for row in _lines(folder / "input_data.dev.jsonl")}
    for answer in _lines(folder / "reference_verdicts_loose.dev.jsonl.gz"):
        row, response = rows[answer["prompt"]], answer["response"]
        for constraint_id, kwargs in zip(row["instruction_id_list"], row["kwargs"], strict=True):
            verdict = check(constraint_id, kwargs, prompt="", response=response, mode="loose")
            for start, end in verdict.spans or ():
                assert 0 <= start < end <= len(response), (row["key"], constraint_id, start, end)
