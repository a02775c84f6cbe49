import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.errors import DataError
from rtt.discriminator import LabelledResponse, read_examples, write_examples
from rtt.discriminator.examples import spans_of_labels

FULL = LabelledResponse(
    criterion="No commas.", response="a, b", spans=((1, 2),), unlabelled=((3, 4),), prompt="Say.",
    prompt_id="p1", kind="punctuation:no_comma", satisfied=False, source="annotator", origin="edit",
)  # fmt: skip


def test_labels_of_characters_follow_spans_and_leave_out_what_nobody_labelled() -> None:
    assert FULL.char_labels == [0, 1, 0, -1]
    assert LabelledResponse(criterion="c", response="ab", spans=None).char_labels == [1, 1]


def test_a_span_outside_the_response_is_refused() -> None:
    with pytest.raises(ValueError, match=r"<= 3 .*got \(2, 4\)"):
        LabelledResponse(criterion="c", response="abc", spans=((2, 4),))


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    rows = [FULL, LabelledResponse(criterion="c", response="\u00e9 \u2028x", spans=None)]
    assert write_examples(tmp_path / "rows.jsonl", rows) == 2
    assert list(read_examples(tmp_path / "rows.jsonl")) == rows


def test_rows_of_the_public_form_are_read(tmp_path: Path) -> None:
    row = {"criteria": "c", "response": "abcd", "char_labels": [1, 1, 0, -1]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    (got,) = read_examples(tmp_path / "rows.jsonl")
    assert (got.spans, got.unlabelled) == (((0, 2),), ((3, 4),))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"criteria": "c", "response": "ab", "char_labels": [1]}, "expected 2 labels"),
        ({"criteria": "c", "response": "ab", "spans": [[0, 9]]}, "expected spans"),
        ({"criteria": "c", "response": "ab", "spans": [[0]]}, "expected pairs"),
        ({"criteria": "c", "response": "ab"}, "char_labels"),
        ({"criteria": "c", "response": "ab", "spans": [], "source": "me"}, "expected source"),
    ],
)
def test_a_malformed_row_is_named(tmp_path: Path, row: dict[str, object], said: str) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(DataError, match=said) as caught:
        list(read_examples(tmp_path / "rows.jsonl"))
    assert "row 0" in str(caught.value)


@given(st.lists(st.sampled_from([0, 1, -1])))
def test_runs_of_labels_are_the_labels(labels: list[int]) -> None:
    row = LabelledResponse(
        criterion="c", response="x" * len(labels), spans=spans_of_labels(labels),
        unlabelled=spans_of_labels(labels, label=-1),
    )  # fmt: skip
    assert row.char_labels == labels


def test_half_a_surrogate_pair_comes_back(tmp_path: Path) -> None:
    row = LabelledResponse(criterion="No commas.", response="a \ud83d, b", spans=((3, 4),))
    write_examples(tmp_path / "rows.jsonl", [row])
    assert list(read_examples(tmp_path / "rows.jsonl")) == [row]
