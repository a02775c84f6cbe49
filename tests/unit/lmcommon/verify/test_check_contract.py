"""The contract of `lmcommon.verify.check`: ids, arguments, modes, spans."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.errors import UserError
from lmcommon.verify import check, describe, is_known
from lmcommon.verify import known_ids as all_ids
from lmcommon.verify.loose import readings


def known_ids() -> tuple[str, ...]:
    """All ids but those of MulDimIF, which have a file of their own."""
    return tuple(one for one in all_ids() if not one.startswith("muldimif:"))


IFEVAL = {
    "change_case:capital_word_frequency", "change_case:english_capital",
    "change_case:english_lowercase", "combination:repeat_prompt", "combination:two_responses",
    "detectable_content:number_placeholders", "detectable_content:postscript",
    "detectable_format:constrained_response", "detectable_format:json_format",
    "detectable_format:multiple_sections", "detectable_format:number_bullet_lists",
    "detectable_format:number_highlighted_sections", "detectable_format:title",
    "keywords:existence", "keywords:forbidden_words", "keywords:frequency",
    "keywords:letter_frequency", "language:response_language",
    "length_constraints:nth_paragraph_first_word", "length_constraints:number_paragraphs",
    "length_constraints:number_sentences", "length_constraints:number_words",
    "punctuation:no_comma", "startend:end_checker", "startend:quotation",
}  # fmt: skip

ARGUMENTS: dict[str, dict[str, Any]] = {
    "change_case:capital_word_frequency": {"capital_frequency": 2, "capital_relation": "at least"},
    "combination:repeat_prompt": {"prompt_to_repeat": "Say it, twice."},
    "detectable_content:number_placeholders": {"num_placeholders": 1},
    "detectable_content:postscript": {"postscript_marker": "P.P.S"},
    "detectable_format:multiple_sections": {"section_spliter": "Section", "num_sections": 2},
    "detectable_format:number_bullet_lists": {"num_bullets": 2},
    "detectable_format:number_highlighted_sections": {"num_highlights": 1},
    "keywords:existence": {"keywords": ["rain", "c++ ("]},
    "keywords:forbidden_words": {"forbidden_words": ["sun", "(moon"]},
    "keywords:frequency": {"keyword": "a", "frequency": 3, "relation": "less than"},
    "keywords:letter_frequency": {"letter": "E", "let_frequency": 2, "let_relation": "at least"},
    "language:response_language": {"language": "en"},
    "length_constraints:nth_paragraph_first_word": {
        "num_paragraphs": 2, "nth_paragraph": 2, "first_word": "then"},
    "length_constraints:number_paragraphs": {"num_paragraphs": 2},
    "length_constraints:number_sentences": {"num_sentences": 2, "relation": "at least"},
    "length_constraints:number_words": {"num_words": 3, "relation": "less than"},
    "startend:end_checker": {"end_phrase": "the end."},
    "count:conjunctions": {"small_n": 2},
    "count:keywords_multiple": {
        "keyword1": "rain", "keyword2": "a", "keyword3": "b", "keyword4": "c++ (", "keyword5": "é"},
    "count:numbers": {"N": 1},
    "count:person_names": {"N": 1},
    "count:pronouns": {"N": 1},
    "count:unique_word_count": {"N": 3},
    "count:word_count_range": {"min_words": 1, "max_words": 4},
    "count:words_japanese": {"N": 2},
    "format:list": {"sep": "!?!?"},
    "format:options": {"options": "yes/no/maybe"},
    "followbench:target": {"answers": ["rain", "(A)"], "how": "anywhere"},
    "followbench:answer": {"before": "Answer: ", "after": "!"},
    "ratio:overlap": {"reference_text": "rain A I", "percentage": 50},
    "ratio:stop_words": {"percentage": 30},
    "repeat:repeat_change": {"prompt_to_repeat": "rain a b"},
    "repeat:repeat_span": {"prompt_to_repeat": "rain a b", "n_start": 1, "n_end": 2},
    "sentence:increment": {"small_n": 1},
    "sentence:keyword": {"N": 2, "word": "rain"},
    "words:count": {"word": "a", "count": 2},
    "words:end": {"word": "b"},
    "words:exclude": {"words": ["a", "b"]},
    "words:include": {"word": "a"},
    "words:keywords_specific_position": {"keyword": "rain", "n": 1, "m": 2},
    "words:length": {"count": 3},
    "words:position": {"position": 2, "words": ["a", "b"]},
    "words:repeats": {"small_n": 1},
    "words:start": {"word": "a"},
    "words:words_position": {"keyword": "rain"},
}  # fmt: skip

# Texts rich in the signs that the checks look for.
SIGNS = st.lists(
    st.sampled_from([
        "a", "b", "A", "I", "é", "İ", "ß", "x1", "DON'T", "*", "**", "***", "******", "\n", "\n\n",
        " ", ",", ".", "...", "?!", '"', "'", "”", "[n]", "<<t>>", "- ", "Section 1", "P.P.S x",
        "My answer is no.", "```json", "{}", "[", "中", "rain", "c++ (", "(moon", "the end.",
        "😀", "❤️", "<i>", "</i>", "!?!?", "level", "And", "Emma", "Question 1.", "a)", "1805-12-02",
        "“", "’s", "\t", "\r", "((((", "))))", "Zimbabwe", "elgae dlab", "ID,Country", "‽",
    ])
).map("".join)  # fmt: skip
TEXTS = st.one_of(SIGNS, st.text())


def run(constraint_id: str, response: str, **kwargs: Any) -> Any:
    return check(constraint_id, kwargs, prompt="", response=response)


def test_all_25_kinds_of_ifeval_are_known() -> None:
    assert set(known_ids()) >= IFEVAL


def test_every_known_id_has_arguments_in_this_test() -> None:
    without = {i for i in known_ids() if i not in ARGUMENTS}
    for constraint_id in without:
        describe(constraint_id, {})


@pytest.mark.parametrize(
    ("constraint_id", "name"),
    [(one, name) for one, given in ARGUMENTS.items() for name in given],
)
def test_a_missing_argument_is_named(constraint_id: str, name: str) -> None:
    kwargs = {key: value for key, value in ARGUMENTS[constraint_id].items() if key != name}
    with pytest.raises(UserError, match=f"'{constraint_id}'.*'{name}' is missing"):
        check(constraint_id, kwargs, prompt="", response="a")


@pytest.mark.parametrize("constraint_id", known_ids())
def test_description_names_the_arguments(constraint_id: str) -> None:
    text = describe(constraint_id, ARGUMENTS.get(constraint_id, {}))
    assert text
    assert "{" not in text, text
    for value in ARGUMENTS.get(constraint_id, {}).values():
        for item in value if isinstance(value, list) else [value]:
            assert str(item) in text, (item, text)


@pytest.mark.parametrize("constraint_id", known_ids())
@settings(deadline=None, max_examples=40)
@given(response=TEXTS)
def test_any_text_gets_a_verdict_with_spans_inside_it(constraint_id: str, response: str) -> None:
    kwargs = ARGUMENTS.get(constraint_id, {})
    strict = check(constraint_id, kwargs, prompt="p", response=response)
    loose = check(constraint_id, kwargs, prompt="p", response=response, mode="loose")
    assert strict.satisfied is not None
    assert strict.source == "program"
    assert bool(loose.satisfied) >= bool(strict.satisfied), response
    for verdict in (strict, loose):
        spans = verdict.spans or ()
        assert list(spans) == sorted(spans)
        assert all(0 <= start <= end <= len(response) for start, end in spans), (spans, response)


@pytest.mark.parametrize("constraint_id", known_ids())
def test_same_text_same_verdict(constraint_id: str) -> None:
    kwargs, text = ARGUMENTS.get(constraint_id, {}), "Rain, rain.\n\nThen THE SUN: a *b* [c]."
    first, second = (check(constraint_id, kwargs, prompt="", response=text) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("constraint_id", known_ids())
@pytest.mark.parametrize("response", ["", "  \n\t "])
def test_an_empty_response_violates_everything(constraint_id: str, response: str) -> None:
    for mode in ("strict", "loose"):
        verdict = check(constraint_id, ARGUMENTS.get(constraint_id, {}), prompt="",
                        response=response, mode=mode)  # fmt: skip
        assert (verdict.satisfied, verdict.spans) == (False, ())


def test_an_unknown_id_is_an_error_that_lists_near_matches() -> None:
    with pytest.raises(UserError, match=r"'punctuation:no_commas'.*punctuation:no_comma'"):
        run("punctuation:no_commas", "a")
    assert not is_known("punctuation:no_commas")


@pytest.mark.parametrize(
    ("constraint_id", "kwargs", "field"),
    [
        ("keywords:existence", {}, "keywords"),
        ("keywords:existence", {"keywords": "rain"}, "keywords"),
        ("keywords:existence", {"keywords": []}, "keywords"),
        ("keywords:existence", {"keywords": [""]}, "keywords"),
        ("keywords:existence", {"keywords": ["a"], "keyword": "b"}, "keyword"),
        ("length_constraints:number_words", {"num_words": 5, "relation": "at most"}, "relation"),
        ("length_constraints:number_paragraphs", {"num_paragraphs": "5"}, "num_paragraphs"),
        ("length_constraints:number_paragraphs", {"num_paragraphs": 5.5}, "num_paragraphs"),
        ("length_constraints:number_paragraphs", {"num_paragraphs": -1}, "num_paragraphs"),
        ("length_constraints:number_paragraphs", {"num_paragraphs": True}, "num_paragraphs"),
        ("length_constraints:number_paragraphs", {"num_paragraphs": math.inf}, "num_paragraphs"),
        ("length_constraints:number_paragraphs", {"num_paragraphs": math.nan}, "num_paragraphs"),
        ("keywords:letter_frequency",
         {"letter": "ab", "let_frequency": 1, "let_relation": "at least"}, "letter"),
        ("punctuation:no_comma", {"n": 1}, "n"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_an_error_that_names_it(
    constraint_id: str, kwargs: dict[str, Any], field: str
) -> None:
    with pytest.raises(UserError, match=f"{constraint_id}.*'{field}'"):
        check(constraint_id, kwargs, prompt="", response="a")


def test_null_arguments_count_as_not_given() -> None:
    padded = {"num_words": None, "keywords": None}
    assert check("punctuation:no_comma", padded, prompt="", response="a").satisfied


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="'lose'"):
        check("punctuation:no_comma", {}, prompt="", response="a", mode="lose")  # type: ignore[arg-type]


def test_loose_forgives_the_first_line_and_gives_spans_of_the_whole_response() -> None:
    text = "Sure, here it is:\nRain *falls*"
    verdict = check("words:start", {"word": "rain"}, prompt="", response=text, mode="loose")
    assert verdict.satisfied
    assert [text[a:b] for a, b in verdict.spans or ()] == ["Rain"]


def test_loose_spans_cross_removed_asterisks() -> None:
    text = "sun\nra*i*n"
    verdict = check("words:start", {"word": "rain"}, prompt="", response=text, mode="loose")
    assert [text[a:b] for a, b in verdict.spans or ()] == ["ra*i*n"]


@settings(deadline=None)
@given(response=SIGNS)
def test_readings_know_the_place_of_every_character(response: str) -> None:
    for reading in readings(response):
        assert "".join(response[place] for place in reading.places) == reading.text


def test_readings_are_the_eight_of_the_definition() -> None:
    text = "*a*\n b*\nc"
    want = {text, "b*\nc", "*a*\n b*", "b*", "a\n b\nc", "b\nc", "a\n b", "b"}
    assert {reading.text for reading in readings(text)} == want
