"""What holds for IFBench's checks on any text, and which arguments they refuse."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.errors import UserError
from lmcommon.verify import check

WORDS = st.lists(
    st.sampled_from(
        ["rain", "Rain,", "run", "(sun)", "a", "level", "3.14", "she/her", "And", "Mia"]
    ),
    min_size=1,
).map(" ".join)


@settings(deadline=None)
@given(response=WORDS)
def test_without_the_violating_spans_a_ban_is_satisfied(response: str) -> None:
    verdict = check("format:no_whitespace", {}, prompt="", response=response)
    kept = response
    for start, end in reversed(verdict.spans or ()):
        kept = kept[:start] + kept[end:]
    assert verdict.satisfied == (kept == response)
    assert check("format:no_whitespace", {}, prompt="", response=kept).satisfied, kept


@settings(deadline=None)
@given(response=WORDS)
def test_a_count_is_satisfied_by_as_many_spans(response: str) -> None:
    for constraint_id in ("count:numbers", "count:pronouns"):
        spans = check(constraint_id, {"N": 0}, prompt="", response=response).spans or ()
        exact = check(constraint_id, {"N": len(spans)}, prompt="", response=response)
        assert exact.satisfied, (constraint_id, spans)
        more = check(constraint_id, {"N": len(spans) + 1}, prompt="", response=response)
        assert not more.satisfied, (constraint_id, spans)


@pytest.mark.parametrize(
    ("constraint_id", "kwargs", "field"),
    [
        ("count:words_japanese", {"N": 0}, "N"),
        ("sentence:keyword", {"N": 0, "word": "rain"}, "N"),
        ("sentence:keyword", {"N": 1, "word": " "}, "word"),
        ("count:numbers", {"N": "two"}, "N"),
        ("count:numbers", {"N": 2.5}, "N"),
        ("count:word_count_range", {"min_words": -1, "max_words": 2}, "min_words"),
        ("repeat:repeat_span", {"prompt_to_repeat": "a", "n_start": 0, "n_end": None}, "n_end"),
        ("format:options", {"options": ["yes", "no"]}, "options"),
        ("format:title_case", {"N": 1}, "N"),
    ],
)
def test_a_bad_argument_is_an_error_that_names_it(
    constraint_id: str, kwargs: dict[str, Any], field: str
) -> None:
    with pytest.raises(UserError, match=f"{constraint_id}.*'{field}'"):
        check(constraint_id, kwargs, prompt="", response="a")
