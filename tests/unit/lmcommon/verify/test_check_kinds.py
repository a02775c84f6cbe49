"""What each kind of program check accepts, and the characters it points at."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.verify import check

AT_LEAST, LESS = "at least", "less than"


def run(constraint_id: str, response: str, **kwargs: Any) -> tuple[bool, list[str] | None]:
    """Verdict and the texts of its spans."""
    verdict = check(constraint_id, kwargs, prompt="", response=response)
    assert verdict.satisfied is not None
    if verdict.spans is None:
        return verdict.satisfied, None
    return verdict.satisfied, [response[start:end] for start, end in verdict.spans]


CASES: list[tuple[str, dict[str, Any], str, bool, list[str] | None]] = [
    ("punctuation:no_comma", {}, "one, two, three", False, [",", ","]),
    ("punctuation:no_comma", {}, "one two", True, []),
    ("keywords:existence", {"keywords": ["rain", "sun"]}, "Rain and sunny", True, ["Rain", "sun"]),
    ("keywords:existence", {"keywords": ["rain", "snow"]}, "rain", False, ["rain"]),
    ("keywords:existence", {"keywords": ["snow"]}, "rain", False, []),
    ("keywords:existence", {"keywords": ["c++"]}, "I like C++.", True, ["C++"]),
    ("keywords:frequency", {"keyword": "a", "frequency": 2, "relation": AT_LEAST}, "a b A", True,
     ["a", "A"]),
    ("keywords:frequency", {"keyword": "a", "frequency": 2, "relation": LESS}, "a b a", False,
     ["a", "a"]),
    ("keywords:forbidden_words", {"forbidden_words": ["art"]}, "party", True, []),
    ("keywords:forbidden_words", {"forbidden_words": ["art"]}, "My Art!", False, ["Art"]),
    ("keywords:letter_frequency", {"letter": "E", "let_frequency": 2, "let_relation": LESS},
     "Eve", False, ["E", "e"]),
    ("keywords:letter_frequency", {"letter": "!", "let_frequency": 2, "let_relation": AT_LEAST},
     "no!!", True, ["!", "!"]),
    ("language:response_language", {"language": "de"},
     "Das ist ein ganz gewöhnlicher deutscher Satz über das Wetter.", True, None),
    ("language:response_language", {"language": "de"},
     "This is an ordinary English sentence about the weather.", False, None),
    ("length_constraints:number_words", {"num_words": 3, "relation": AT_LEAST}, "Don't go", True,
     None),
    ("length_constraints:number_words", {"num_words": 3, "relation": LESS}, "a b c", False, None),
    ("length_constraints:number_sentences", {"num_sentences": 3, "relation": LESS},
     "Dr. Ito met Mr. Lee. It was fun", True, None),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "***\na\n***\nb", True, None),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\n***\nb", False, None),
    ("length_constraints:nth_paragraph_first_word",
     {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Then"}, 'Now.\n\n "Then, rain', True,
     ["Then"]),
    ("length_constraints:nth_paragraph_first_word",
     {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "then"}, "Now.\n\nLater", False,
     ["Later"]),
    ("length_constraints:nth_paragraph_first_word",
     {"num_paragraphs": 1, "nth_paragraph": 2, "first_word": "then"}, "Now.", False, []),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[a] and [b c]", True,
     ["[a]", "[b c]"]),
    ("keywords:forbidden_words", {"forbidden_words": ["c++", "#tag"]}, "I like C++ a #tag, c+",
     False, ["C++", "#tag"]),
    ("keywords:forbidden_words", {"forbidden_words": ["c++"]}, "cc++ c+", True, []),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye.\np. s. more\nx", True,
     ["p. s. more"]),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "P.S. no", False, []),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n  - b\n**c**", True,
     ["* a", "- b"]),
    ("detectable_format:number_bullet_lists", {"num_bullets": 1}, "* a\n* b", False,
     ["* a", "* b"]),
    ("detectable_format:constrained_response", {}, "Well. My answer is no.", True,
     ["My answer is no."]),
    ("detectable_format:constrained_response", {}, "my answer is no", False, []),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* **b** ** **",
     True, ["*a*", "**b**"]),
    ("detectable_format:multiple_sections", {"section_spliter": "SECTION", "num_sections": 2},
     "SECTION 1\na\nSECTION 2\nb", True, ["SECTION 1", "SECTION 2"]),
    ("detectable_format:multiple_sections", {"section_spliter": "SECTION", "num_sections": 2},
     "Section 1 Section 2", False, []),
    ("detectable_format:json_format", {}, '```json\n{"a": 1}\n```', True, None),
    ("detectable_format:json_format", {}, '{"a": x}', False, ["x"]),
    ("detectable_format:json_format", {}, "9" * 5000, False, None),
    ("detectable_format:json_format", {}, "[" * 100_000, False, None),
    ("detectable_format:title", {}, "<<Rain>>\ntext", True, ["<<Rain>>"]),
    ("detectable_format:title", {}, "<< >>", False, []),
    ("combination:two_responses", {}, "a\n******\nb", True, ["******"]),
    ("combination:two_responses", {}, "a\n******\na", False, ["******"]),
    ("combination:two_responses", {}, "a******b******c", False, ["******", "******"]),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it."}, " say it. Yes.", True,
     ["say it."]),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it."}, "Say that.", False, ["Say "]),
    ("startend:end_checker", {"end_phrase": "The end."}, 'So "this is the END."\n', True,
     ["the END."]),
    ("startend:end_checker", {"end_phrase": "The end."}, "The end", False, []),
    ("startend:quotation", {}, ' "a" ', True, ['"', '"']),
    ("startend:quotation", {}, '"a', False, ['"']),
    ("startend:quotation", {}, '"', False, ['"']),
    ("change_case:capital_word_frequency", {"capital_frequency": 4, "capital_relation": AT_LEAST},
     "I SAID: DON'T—**NOW**", True, ["I", "SAID", "DO", "N'T", "NOW"]),
    ("change_case:english_capital", {}, "THE WEATHER IS FINE TODAY AND I AM GLAD.", True, None),
    ("change_case:english_capital", {}, "THE WEaTHER", False, ["a"]),
    ("change_case:english_capital", {}, "The Weather Is Fine", False, list("heeathersine")),
    ("change_case:english_lowercase", {}, "the weather is fine today and i am glad.", True, None),
    ("change_case:english_lowercase", {}, "the Weather", False, ["W"]),
    ("words:start", {"word": "tree"}, "Tree, house", True, ["Tree"]),
    ("words:start", {"word": "tree"}, "house tree", False, ["house"]),
    ("words:end", {"word": "dog"}, "a dog.", True, ["dog"]),
    ("words:include", {"word": "dog"}, "dog hotdog Dog!", True, ["dog", "Dog"]),
    ("words:include", {"word": "dog"}, "hotdog", False, []),
    ("words:exclude", {"words": ["a", "b"]}, "c B a", False, ["B", "a"]),
    ("words:exclude", {"words": ["a"]}, "ab", True, []),
    ("words:count", {"word": "a", "count": 2}, "a b a", True, ["a", "a"]),
    ("words:count", {"word": "a", "count": 0}, "b", True, []),
    ("words:position", {"position": 2, "words": ["a", "b"]}, "c b", True, ["b"]),
    ("words:position", {"position": 3, "words": ["a"]}, "c b", False, []),
    ("words:length", {"count": 2}, "a b", True, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("constraint_id", "kwargs", "sign"),
    [
        ("words:length", {"count": 1}, "'"),
        ("length_constraints:number_sentences", {"num_sentences": 2, "relation": LESS}, "."),
    ],
)
def test_long_runs_of_signs_are_read_quickly(
    constraint_id: str, kwargs: dict[str, Any], sign: str
) -> None:
    started = time.process_time()
    assert check(constraint_id, kwargs, prompt="", response=f"a{sign * 20_000}a").satisfied
    assert time.process_time() - started < 1


@pytest.mark.parametrize(("constraint_id", "kwargs", "response", "satisfied", "spans"), CASES)
def test_verdict_and_spans(
    constraint_id: str,
    kwargs: dict[str, Any],
    response: str,
    satisfied: bool,
    spans: list[str] | None,
) -> None:
    assert run(constraint_id, response, **kwargs) == (satisfied, spans)


WORDS = st.lists(st.sampled_from(["rain", "Rain,", "sun", "(sun)", "raining", "a,b"]), min_size=1)


@settings(deadline=None)
@given(words=WORDS)
def test_without_the_violating_spans_a_ban_is_satisfied(words: list[str]) -> None:
    response = "start " + " ".join(words)
    bans: list[tuple[str, dict[str, Any]]] = [
        ("punctuation:no_comma", {}),
        ("keywords:forbidden_words", {"forbidden_words": ["rain", "sun"]}),
        ("words:exclude", {"words": ["rain", "sun"]}),
    ]
    for constraint_id, kwargs in bans:
        verdict = check(constraint_id, kwargs, prompt="", response=response)
        kept = response
        for start, end in reversed(verdict.spans or ()):
            kept = kept[:start] + kept[end:]
        assert verdict.satisfied == (kept == response)
        assert check(constraint_id, kwargs, prompt="", response=kept).satisfied, (response, kept)


@settings(deadline=None)
@given(words=WORDS)
def test_the_spans_of_a_keyword_are_the_keyword(words: list[str]) -> None:
    satisfied, spans = run("keywords:existence", " ".join(words), keywords=["rain"])
    assert satisfied == any("rain" in word.lower() for word in words)
    assert {text.lower() for text in spans or ()} <= {"rain"}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("no mark", 1),
        ("One. two. three.", 3),
        ("He asked “Why?” Nobody knew.", 2),
        ("Wait... what? Really!", 2),
        ("It cost 3.50 euros. Fine.", 2),
        ("Mr. A. Smith of the U.S. army came.", 1),
        ("**Bold.** Then plain.", 2),
    ],
)
def test_sentences(text: str, count: int) -> None:
    from lmcommon.verify.sentences import count_sentences

    assert count_sentences(text) == count


@settings(deadline=None)
@given(st.text())
def test_sentences_hold_every_visible_character(text: str) -> None:
    from lmcommon.verify.sentences import split_sentences

    joined = "".join(text[start:end] for start, end in split_sentences(text))
    assert "".join(joined.split()) == "".join(text.split())
