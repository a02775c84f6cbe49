import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.errors import ParseError
from rtt.discriminator.labels import (
    Located,
    annotation_to_labels,
    chars_to_tokens,
    locate,
    spans_to_chars,
)

TEXT = "Dear Ana, dear Bo: hello."
OFFSETS = [(0, 4), (4, 8), (8, 9), (9, 14), (14, 17), (17, 18), (18, 24), (24, 25), (25, 25)]


def partial(*segments: str) -> dict[str, object]:
    return {"type": "partial_relevant", "segments": list(segments)}


def test_a_token_is_relevant_if_any_of_its_characters_is() -> None:
    assert chars_to_tokens([0, 0, 1, 0], [(0, 2), (1, 3), (2, 4), (3, 4)]) == [0, 1, 1, 0]


def test_a_token_without_characters_is_ignored() -> None:
    assert chars_to_tokens([1, 1], [(0, 0), (0, 2), (2, 2)]) == [-1, 1, -1]


def test_characters_without_a_label_count_only_where_nothing_else_does() -> None:
    assert chars_to_tokens([-1, -1, 0, -1, 1], [(0, 2), (1, 3), (3, 5)]) == [-1, 0, 1]


@pytest.mark.parametrize("offset", [(0, 3), (-1, 1), (2, 1)])
def test_an_offset_outside_the_text_is_refused(offset: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"offsets: expected 0 <= start <= end <= 2"):
        chars_to_tokens([0, 1], [offset])


def test_another_label_is_refused() -> None:
    with pytest.raises(ValueError, match="char_labels: expected 0, 1 or -1; got 2"):
        chars_to_tokens([0, 2], [(0, 1)])


@pytest.mark.parametrize(("kind", "label"), [("all_relevant", 1), ("all_irrelevant", 0)])
def test_all_or_nothing(kind: str, label: int) -> None:
    got = annotation_to_labels(TEXT, OFFSETS, {"type": kind, "segments": []})
    assert got == [label] * 8 + [-1]


def test_the_segments_may_be_left_out_where_they_say_nothing() -> None:
    assert annotation_to_labels("ab", [(0, 2)], {"type": "all_relevant"}) == [1]


def test_a_segment_marks_the_tokens_that_it_touches() -> None:
    assert annotation_to_labels(TEXT, OFFSETS, partial("Ana")) == [0, 1, 0, 0, 0, 0, 0, 0, -1]


def test_every_occurrence_of_a_segment_counts() -> None:
    got = annotation_to_labels("a bb a", [(0, 1), (1, 4), (4, 6)], partial("a"))
    assert got == [1, 0, 1]


def test_occurrences_that_overlap_each_other_all_count() -> None:
    assert locate("aaaa", ["aa"]).spans == ((0, 2), (1, 3), (2, 4))


def test_segments_may_overlap() -> None:
    got = annotation_to_labels("abcd", [(0, 1), (1, 2), (2, 3), (3, 4)], partial("ab", "bc"))
    assert got == [1, 1, 1, 0]


def test_signs_of_a_pattern_language_are_only_signs() -> None:
    assert locate("cost (a+b)* [x]", ["(a+b)*", "[x]"]).spans == ((5, 11), (12, 15))


def test_a_segment_that_does_not_occur_is_an_error_that_shows_it() -> None:
    with pytest.raises(ParseError, match=r"segment 'dear ana': expected to occur verbatim"):
        annotation_to_labels(TEXT, OFFSETS, partial("Dear", "dear ana"))


def test_with_tolerance_case_space_and_look_alikes_are_taken() -> None:
    text = "She said “no — never”,\n twice."
    located = locate(text, ['said "NO - never",', "twice"], tolerant=True)
    assert located == Located(
        spans=((4, 22), (24, 29)), approximate=('said "NO - never",',), missing=()
    )


def test_with_tolerance_what_is_still_missing_is_reported() -> None:
    assert locate("Hi Ana, hi Bo", ["hi", "Cy", " "], tolerant=True).missing == ("Cy", " ")
    with pytest.raises(ParseError, match="segment 'Cy'"):
        annotation_to_labels("Hi", [(0, 2)], partial("Cy"), tolerant=True)


def test_a_verbatim_segment_is_never_taken_approximately() -> None:
    assert locate("Hi hi", ["hi"], tolerant=True).spans == ((3, 5),)


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        ({"type": "some", "segments": []}, "annotation type: expected one of all_relevant"),
        ({"segments": ["a"]}, "annotation type"),
        ({"type": "partial_relevant", "segments": "a"}, "expected a list of texts"),
        ({"type": "partial_relevant", "segments": [1]}, "expected a list of texts"),
        ({"type": "partial_relevant", "segments": []}, "expected at least one"),
        ({"type": "partial_relevant", "segments": [""]}, "segment ''"),
    ],
)
def test_a_malformed_annotation_says_what_was_expected(
    annotation: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        annotation_to_labels("a", [(0, 1)], annotation)


def test_spans_to_chars() -> None:
    assert spans_to_chars([(1, 3), (2, 9)], 4) == [0, 1, 1, 1]
    assert spans_to_chars(None, 2) == [1, 1]


@given(text=st.text(min_size=1, max_size=30), data=st.data())
def test_a_copied_segment_is_found_where_it_was_copied(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    segment = text[start:end]
    located = locate(text, [segment])
    if segment.strip():
        assert (start, end) in located.spans
        assert all(text[a:b] == segment for a, b in located.spans)
    else:
        assert located.missing == (segment,)


@given(text=st.text(max_size=30), data=st.data())
def test_token_labels_agree_with_their_characters(text: str, data: st.DataObject) -> None:
    labels = data.draw(st.lists(st.sampled_from([0, 1]), min_size=len(text), max_size=len(text)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    offsets = list(zip([0, *cuts], [*cuts, len(text)], strict=True))
    for (start, end), label in zip(offsets, chars_to_tokens(labels, offsets), strict=True):
        assert label == (-1 if start == end else int(1 in labels[start:end]))
