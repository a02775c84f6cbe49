import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtt.discriminator import LabelledResponse
from rtt.discriminator.words import word_scores


def example(response: str, **options: object) -> LabelledResponse:
    return LabelledResponse(criterion="c", response=response, **options)  # type: ignore[arg-type]


def test_a_word_is_relevant_if_any_of_its_characters_is_and_scores_its_highest() -> None:
    row = word_scores(example("ab, cd", spans=((2, 3),)), [0.1, 0.2, 0.7, 0.9, 0.3, 0.4])
    assert row.labels.tolist() == [1, 0]
    assert row.scores == pytest.approx([0.7, 0.4])  # the blank between them counts nowhere


def test_characters_that_nobody_labelled_count_nowhere() -> None:
    row = word_scores(
        example("ab cd ef", spans=((0, 1),), unlabelled=((1, 2), (6, 8))),
        [0.1, 0.9, 0, 0.6, 0.2, 0, 1, 1],
    )
    assert row.labels.tolist() == [1, 0]
    assert row.scores == pytest.approx([0.1, 0.6])
    assert (row.both, row.either) == (0, 2)


def test_overlap_of_characters_leaves_white_space_out() -> None:
    row = word_scores(example("ab cd", spans=((0, 4),)), [0.9, 0.9, 0.9, 0.0, 0.9])
    assert (row.both, row.either) == (2, 4)


def test_as_many_relevances_as_characters_are_expected() -> None:
    with pytest.raises(ValueError, match="expected 2 relevances"):
        word_scores(example("ab", spans=()), [0.5])


def test_an_empty_response_has_no_words() -> None:
    assert word_scores(example("", spans=()), []).labels.tolist() == []


@given(st.text(alphabet="ab \n", max_size=20), st.data())
def test_words_of_perfect_relevances_are_perfect(text: str, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=2))
    row = example(text, spans=((min(cuts), max(cuts)),))
    got = word_scores(row, np.array(row.char_labels, dtype=np.float32))
    assert got.scores.tolist() == got.labels.tolist()
    assert got.both == got.either
