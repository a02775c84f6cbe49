"""What the spans of each constraint are evidence of."""

from typing import get_args

import pytest

from lmcommon.errors import UserError
from lmcommon.verify import check, known_ids, scope_of
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
IFEVAL_AND_WORDS = (
    "change_case", "combination", "detectable_content", "detectable_format", "keywords",
    "language", "length_constraints", "punctuation", "startend", "words",
)  # fmt: skip


@pytest.mark.parametrize("constraint_id", known_ids())
def test_every_constraint_has_a_scope(constraint_id: str) -> None:
    assert scope_of(constraint_id) in get_args(Scope)


def test_the_scopes_of_ifeval_and_of_the_words_task() -> None:
    ids = [name for name in known_ids() if name.split(":")[0] in IFEVAL_AND_WORDS]
    told = {scope: {name for name in ids if scope_of(name) == scope} for scope in get_args(Scope)}
    assert told["forbidden"] == FORBIDDEN
    assert told["global"] == GLOBAL


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
