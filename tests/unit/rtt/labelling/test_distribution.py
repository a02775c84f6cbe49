from rtt.discriminator import LabelledResponse
from rtt.labelling import Distribution

ROWS = [
    LabelledResponse(
        criterion="c", response="a, b", spans=((1, 2),), kind="punctuation:no_comma",
        satisfied=False, origin="generated",
    ),
    LabelledResponse(
        criterion="c", response="ab", spans=(), kind="punctuation:no_comma", satisfied=True,
        origin="ifeval",
    ),
    LabelledResponse(
        criterion="c", response="abcd", spans=None, unlabelled=((0, 2),), kind="Redundant",
        source="people",
    ),
]  # fmt: skip


def test_kinds_outcomes_and_relevant_characters_are_counted() -> None:
    found = Distribution.of(ROWS)
    assert found.figures() == {
        "rows": 3, "kinds": 2, "met": 1, "broken": 1, "relevant_share": 0.375, "unlabelled": 2,
    }  # fmt: skip
    assert found.kinds["punctuation:no_comma"].share == 1 / 6
    assert found.table()["Redundant"]["whole"] == 1


def test_the_table_has_a_line_a_kind() -> None:
    lines = Distribution.of(ROWS).lines()
    assert len(lines) == 4
    assert "| punctuation:no_comma | forbidden | 2 | 1 | 1 | 0 | 1 | 0.167 |" in lines[3]
