"""What the spans of each constraint are evidence of."""

from typing import get_args

import pytest

from lmcommon.errors import UserError
from lmcommon.verify import check, known_ids, scope_of
from lmcommon.verify.registry import find_checker
from lmcommon.verify.types import Finding, Scope, checker

FORBIDDEN = {"keywords:forbidden_words", "punctuation:no_comma", "words:exclude"}
GLOBAL = {
    "change_case:capital_word_frequency", "change_case:english_capital",
    "change_case:english_lowercase", "detectable_format:json_format",
    "detectable_format:number_bullet_lists", "keywords:frequency", "keywords:letter_frequency",
    "language:response_language", "length_constraints:number_paragraphs",
    "length_constraints:number_sentences", "length_constraints:number_words", "words:count",
    "words:length",
}  # fmt: skip
REQUIRED = {
    "combination:repeat_prompt", "combination:two_responses",
    "detectable_content:number_placeholders", "detectable_content:postscript",
    "detectable_format:constrained_response", "detectable_format:multiple_sections",
    "detectable_format:number_highlighted_sections", "detectable_format:title",
    "keywords:existence", "length_constraints:nth_paragraph_first_word", "startend:end_checker",
    "startend:quotation", "words:end", "words:include", "words:position", "words:start",
}  # fmt: skip


@pytest.mark.parametrize("constraint_id", known_ids())
def test_every_constraint_has_a_scope(constraint_id: str) -> None:
    scope = find_checker(constraint_id).scope
    assert callable(scope) or scope_of(constraint_id) == scope
    assert callable(scope) or scope in get_args(Scope)


@pytest.mark.parametrize(
    ("scope", "ids"), [("forbidden", FORBIDDEN), ("global", GLOBAL), ("required", REQUIRED)]
)
def test_the_scopes_of_ifeval_and_of_the_words_task(scope: str, ids: set[str]) -> None:
    assert {name: scope_of(name) for name in ids} == dict.fromkeys(ids, scope)


@pytest.mark.parametrize(
    ("constraint_id", "scope"),
    [
        ("format:no_whitespace", "forbidden"), ("format:title_case", "forbidden"),
        ("words:repeats", "forbidden"), ("sentence:increment", "forbidden"),
        ("muldimif:no_marks", "forbidden"), ("muldimif:no_lists", "forbidden"),
        ("words:last_first", "every"), ("muldimif:punctuation", "every"),
        ("count:numbers", "global"), ("ratio:stop_words", "global"),
        ("words:palindrome", "required"), ("muldimif:identifiers", "required"),
    ],
)  # fmt: skip
def test_scopes_of_ifbench_and_muldimif(constraint_id: str, scope: str) -> None:
    assert scope_of(constraint_id) == scope


def keywords(**given: object) -> dict[str, object]:
    return {
        "keywords": [], "forbidden": [], "times": 1, "any_of": False, "part": "response",
        "target": "",
    } | given  # fmt: skip


@pytest.mark.parametrize(
    ("constraint_id", "kwargs", "scope"),
    [
        ("muldimif:keywords", keywords(keywords=["a"]), "required"),
        ("muldimif:keywords", keywords(keywords=["a"], forbidden=["b"]), "required"),
        ("muldimif:keywords", keywords(forbidden=["b"]), "forbidden"),
        ("muldimif:english", {"case": "upper", "part": "response"}, "global"),
        ("muldimif:english", {"case": "upper", "part": "heading"}, "forbidden"),
        ("muldimif:english", {"case": "title", "part": "response"}, "forbidden"),
        ("muldimif:chinese", {"script": "simplified", "only": True}, "forbidden"),
        ("muldimif:chinese", {"script": "simplified", "only": False}, "required"),
    ],
)
def test_a_scope_can_depend_on_the_arguments(
    constraint_id: str, kwargs: dict[str, object], scope: str
) -> None:
    assert scope_of(constraint_id, kwargs) == scope


def test_parts_of_one_scope_keep_it_together_and_others_are_the_whole_s() -> None:
    def both(*ids: str) -> dict[str, object]:
        kwargs = {
            "muldimif:no_marks": {"marks": ["!"]}, "muldimif:identifiers": {"start": "A"},
            "muldimif:no_lists": {"kind": "lists"},
        }  # fmt: skip
        return {"parts": [{"id": name, "kwargs": kwargs[name]} for name in ids]}

    alike = both("muldimif:no_marks", "muldimif:no_lists")
    assert scope_of("muldimif:all", alike) == "forbidden"
    assert scope_of("muldimif:all", both("muldimif:no_marks", "muldimif:identifiers")) == "global"


def test_arguments_that_are_needed_are_asked_for() -> None:
    with pytest.raises(UserError, match="depends on its arguments; expected kwargs"):
        scope_of("muldimif:keywords")


def test_a_check_that_says_nothing_requires() -> None:
    @checker("any:thing", "Anything.")
    def anything(response: str) -> Finding:
        return Finding(True)

    assert anything.scope == "required"


def test_an_unknown_id_lists_near_ones() -> None:
    with pytest.raises(UserError, match="words:exclude"):
        scope_of("words:excludes")


@pytest.mark.parametrize(
    ("constraint_id", "kwargs", "response"),
    [
        ("keywords:forbidden_words", {"forbidden_words": ["dune"]}, "a dune"),
        ("punctuation:no_comma", {}, "a, dune"),
        ("words:exclude", {"words": ["dune"]}, "a dune"),
    ],
)
def test_what_is_forbidden_shows_its_offences_and_only_those(
    constraint_id: str, kwargs: dict[str, object], response: str
) -> None:
    bad = check(constraint_id, kwargs, prompt="", response=response)
    good = check(constraint_id, kwargs, prompt="", response="amber")
    assert not bad.satisfied
    assert bad.spans
    assert good.satisfied
    assert good.spans == ()
