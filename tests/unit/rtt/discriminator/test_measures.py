import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.errors import UserError
from rtt.discriminator import LabelledResponse, measure
from rtt.discriminator.measures import best_threshold, row_scope


def example(spans: object, kind: str = "k", **options: object) -> LabelledResponse:
    return LabelledResponse(
        criterion="c", response="aa bb cc dd", spans=spans, kind=kind, **options,  # type: ignore[arg-type]
    )  # fmt: skip


def told(*words: float) -> list[float]:
    return [value for word in words for value in (word, word, 0.0)][:-1]


def test_figures_of_a_kind_pool_its_words_by_hand() -> None:
    rows = [example(((0, 5),)), example(())]
    got = measure(rows, [told(0.9, 0.2, 0.6, 0.1), told(0.7, 0, 0, 0)]).kinds["k"]
    assert (got.rows, got.words, got.relevant) == (2, 8, 0.25)
    assert got.precision == pytest.approx(1 / 3)  # marked: aa, cc and aa of the other row
    assert got.recall == pytest.approx(1 / 2)
    assert got.f1 == pytest.approx(2 / 5)
    assert got.iou == pytest.approx(2 / 8)


def test_kinds_weigh_the_same_whatever_their_size() -> None:
    rows = [example(((0, 2),), "one"), *[example(((0, 2),), "two")] * 3]
    got = measure(rows, [told(1, 0, 0, 0), *[told(0, 0, 0, 0)] * 3])
    assert got.macro_f1.value == pytest.approx(0.5)
    assert got.pooled.f1 == pytest.approx(0.4)


def test_a_kind_without_a_relevant_word_has_no_f1_and_is_left_out() -> None:
    got = measure([example((), "none"), example(((0, 2),), "some")], [told(1, 0, 0, 0)] * 2)
    assert got.kinds["none"].f1 is None
    assert (got.macro_f1.value, got.macro_f1.kinds) == (1.0, 1)


def test_local_kinds_are_reported_apart() -> None:
    rows = [example(None, "global"), example(((0, 2),), "local")]
    got = measure(rows, [told(1, 1, 1, 1), told(0, 1, 0, 0)])
    assert (got.local_f1.value, got.local_f1.kinds) == (0.0, 1)
    assert got.macro_f1.value == pytest.approx(0.5)


def test_rows_are_grouped_by_verdict_and_scope() -> None:
    rows = [
        example((), "keywords:existence", satisfied=True),
        example((), "punctuation:no_comma", satisfied=False),
        example(None, "some kind"),
        example((), "some kind"),
    ]
    assert [row_scope(row) for row in rows] == ["required", "forbidden", "global", "local"]
    got = measure(rows, [told(0, 0, 0, 0)] * 4)
    assert {key: one.rows for key, one in got.verdicts.items()} == {
        "satisfied": 1, "violated": 1, "unknown": 2,
    }  # fmt: skip
    assert set(got.scopes) == {"required", "forbidden", "global", "local"}


def test_the_interval_resamples_prompts_not_rows() -> None:
    good, bad = told(1, 0, 0, 0), told(0, 1, 0, 0)
    together = [example(((0, 2),), prompt_id="p") for _ in range(20)]
    got = measure(together, [good] * 10 + [bad] * 10)
    assert (got.macro_f1.low, got.macro_f1.high) == (0.5, 0.5)
    apart = [example(((0, 2),)) for _ in range(20)]
    got = measure(apart, [good] * 10 + [bad] * 10)
    assert got.macro_f1.low is not None
    assert got.macro_f1.high is not None
    assert got.macro_f1.low < 0.4 < 0.6 < got.macro_f1.high


def test_nothing_to_measure_is_said() -> None:
    with pytest.raises(UserError, match="at least one labelled response"):
        measure([], [])


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=6))
def test_perfect_relevances_are_perfect_and_opposite_ones_are_nothing(
    marks: list[list[bool]],
) -> None:
    spans = [tuple((3 * n, 3 * n + 2) for n, mark in enumerate(row) if mark) for row in marks]
    rows = [example(one, prompt_id=str(n)) for n, one in enumerate(spans)]
    truth = [told(*(float(mark) for mark in row)) for row in marks]
    got = measure(rows, truth, draws=5).pooled
    if any(map(any, marks)):
        assert (got.f1, got.iou, got.average_precision) == (1.0, 1.0, 1.0)
        assert measure(rows, [1 - np.array(row) for row in truth], draws=0).pooled.f1 == 0.0
    else:
        assert got.f1 is None
    assert got.calibration_error == 0.0


def test_a_threshold_without_rows_is_one_half() -> None:
    assert best_threshold([], []) == 0.5
