from pathlib import Path

import pytest

from lmcommon.data.qa_feedback import Mark, MarkedAnswer, Passage, load_marked
from rtt.labelling import people_examples

ANSWER = MarkedAnswer(
    id="a", question="How long is the Elbe?", passages=(Passage("Elbe", ("It is a river.",)),),
    gold="1,094 km", answers=("It is a river. It is long. It is long.", "b", "c", "d"),
    marks=(
        Mark(kind="Redundant", start=15, end=26), Mark(kind="Redundant", start=20, end=38),
        Mark(kind="Irrelevant", start=0, end=14), Mark(kind="Irrelevant", start=3, end=3),
    ),
)  # fmt: skip


def test_a_row_for_each_kind_of_error_with_overlapping_marks_as_one() -> None:
    rows = list(people_examples([ANSWER]))
    assert [(row.kind, row.spans) for row in rows] == [
        ("people:irrelevant", ((0, 14),)),
        ("people:redundant", ((15, 38),)),
    ]
    assert {(row.source, row.satisfied, row.prompt) for row in rows} == {
        ("people", False, "How long is the Elbe?")
    }
    assert len({row.prompt_id for row in rows}) == 1


def test_errors_that_an_answer_does_not_have_mark_nothing() -> None:
    rows = list(people_examples([ANSWER], with_absent=True, with_passages=True))
    assert [row.satisfied for row in rows] == [False, False, True, True, True]
    assert rows[2].spans == ()
    assert rows[0].prompt == "How long is the Elbe?\n\nElbe: It is a river."


def test_an_unknown_kind_of_error_is_refused() -> None:
    odd = MarkedAnswer(
        id="x", question="q", passages=(), gold="", answers=("abc", "", "", ""),
        marks=(Mark(kind="Rude", start=0, end=1),),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"got \['Rude'\]"):
        list(people_examples([odd]))


def test_the_published_set_gives_the_rows_that_its_readme_counts(shared_data: Path) -> None:
    marked = load_marked(shared_data / "qa_feedback" / "dev_feedback.json.gz")
    rows = list(people_examples(marked))
    kinds = {(one.id, mark.kind) for one in marked for mark in one.marks}
    assert len(rows) == len(kinds)
    assert all(row.spans for row in rows)
