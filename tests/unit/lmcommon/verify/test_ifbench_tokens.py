"""The pieces that IFBench's checks count, and the tagger of first words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.verify.ifbench.first_word import is_verb
from lmcommon.verify.ifbench.tokens import bare_words, lowered, tokens, word_tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("They'll say: \"I can't.\"", "They 'll say : `` I ca n't . ''"),
        ("It cost $3.88 (or 3,36 euros), e.g. here.",
         "It cost $ 3.88 ( or 3,36 euros ) , e.g . here ."),
        ("One. Two, three... four", "One . Two , three ... four"),
        ("The dogs' bone -- 'tis mine", "The dogs ' bone -- ' tis mine"),
        ("You cannot; I'm gonna", "You can not ; I 'm gon na"),
        ("“Don’t” –- `x`", "“ Don ’ t ” – - ` x `"),
        ("**Bold** #1 50% a&b", "* * Bold * * # 1 50 % a & b"),
    ],
)  # fmt: skip
def test_treebank_tokens(text: str, words: str) -> None:
    assert " ".join(token.text for token in tokens(text)) == words


def test_a_part_of_a_text_keeps_its_places() -> None:
    text = "So be it. Don't go!"
    found = word_tokens(text, 10, len(text))
    assert [(one.text, text[slice(*one.span)]) for one in found] == [
        ("Do", "Do"), ("n't", "n't"), ("go", "go")
    ]  # fmt: skip


def test_bare_words_lose_punctuation_inside_too() -> None:
    text = "(Don't) - stop, self-made"
    found = bare_words(text)
    assert [one.text for one in found] == ["Dont", "stop", "selfmade"]
    assert [text[slice(*one.span)] for one in found] == ["Don't", "stop", "self-made"]


@given(st.text())
def test_tokens_hold_every_visible_character_once(text: str) -> None:
    joined = "".join(text[slice(*token.span)] for token in tokens(text))
    assert joined == "".join(text.split())


@given(st.text())
def test_lower_case_moves_no_character(text: str) -> None:
    assert len(lowered(text)) == len(text)


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("Write a poem", True),
        ("Consider the rain", True),
        ("Whirring and humming", True),
        ("is it so", True),
        ("The rain falls", False),
        ("Rain falls", False),
        ("1984 was", False),
        ("", False),
    ],
)
def test_first_words(text: str, verb: bool) -> None:
    assert is_verb(text.split()) == verb


@given(st.lists(st.text(), max_size=4))
def test_any_words_get_an_answer(words: list[str]) -> None:
    assert is_verb(words) in (True, False)
