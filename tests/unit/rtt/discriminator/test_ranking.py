import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtt.discriminator import auroc, average_precision


def test_auroc_by_hand() -> None:
    # Of 2 x 2 pairs, 3 are in the right order and one is a tie.
    assert auroc([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0]) == pytest.approx(3.5 / 4)
    assert auroc([0.9], [1]) is None


def test_average_precision_by_hand() -> None:
    assert average_precision([0.9, 0.8, 0.7], [1, 0, 1]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([0.9], [0]) is None


def test_equal_scores_enter_together() -> None:
    assert average_precision([0.5] * 4, [1, 0, 0, 1]) == pytest.approx(0.5)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=12))
def test_average_precision_is_that_of_the_definition(items: list[tuple[int, bool]]) -> None:
    scores, labels = [s for s, _ in items], [int(y) for _, y in items]
    relevant = sum(labels)
    if not relevant:
        assert average_precision(scores, labels) is None
        return
    expected, found = 0.0, 0.0
    for level in sorted(set(scores), reverse=True):
        taken = [y for s, y in items if s >= level]
        recall = sum(taken) / relevant
        expected += (recall - found) * sum(taken) / len(taken)
        found = recall
    assert average_precision(scores, labels) == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=2, max_size=12))
def test_the_order_of_the_items_does_not_matter(items: list[tuple[int, bool]]) -> None:
    for measure in (auroc, average_precision):
        there = measure([s for s, _ in items], [int(y) for _, y in items])
        back = measure([s for s, _ in items[::-1]], [int(y) for _, y in items[::-1]])
        assert there == back if there is None else there == pytest.approx(back)


@pytest.mark.parametrize("measure", [auroc, average_precision])
def test_as_many_labels_as_scores_are_expected(measure: object) -> None:
    with pytest.raises(ValueError, match="one label a score"):
        measure([0.5], [1, 0])  # type: ignore[operator]
