import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtt.discriminator.pieces import piece_tokenizer

TOKENIZER = piece_tokenizer(["amber dune, iris dune", "a dune and an amber dune"] * 5, size=200)


def read(text: str) -> list[str]:
    return TOKENIZER.convert_ids_to_tokens(TOKENIZER(text, add_special_tokens=False)["input_ids"])


def test_a_word_is_the_same_pieces_whatever_its_case() -> None:
    assert read("dune") == ["dune"]
    assert read("Dune") == ["⇧", "dune"]
    assert read("DUNE") == ["⇑", "dune"]
    assert read("McAmber A.B") == ["⇧", *read("mc"), "⇧", "amber", "⇧", "a", ".", "⇧", "b"]


def test_line_breaks_digits_and_marks_are_tokens() -> None:
    assert read("a\n\n* 12") == ["a", "\n", "\n", "*", "1", "2"]


def test_an_unknown_word_is_made_of_known_pieces() -> None:
    got = read("zebra")
    assert len(got) > 1
    assert "<unk>" not in got
    assert "".join(piece.removeprefix("##") for piece in got) == "zebra"


@given(st.text(max_size=30))
def test_every_character_that_is_no_white_space_is_covered_once_or_marked(text: str) -> None:
    offsets = TOKENIZER(text, add_special_tokens=False, return_offsets_mapping=True)[
        "offset_mapping"
    ]
    covered = {place for start, end in offsets for place in range(start, end)}
    missing = {n for n, sign in enumerate(text) if not sign.isspace() and sign.isprintable()}
    assert missing <= covered, (text, offsets)


@pytest.mark.parametrize("size", [150, 300])
def test_there_are_no_more_pieces_than_asked_for(size: int) -> None:
    texts = [f"word{n} {n}" + "abcdef"[n % 6] * (n % 9) for n in range(500)]
    assert len(piece_tokenizer(texts, size=size)) <= size


def test_the_same_texts_give_the_same_pieces_with_the_same_numbers() -> None:
    texts = [f"{a}{b}ness un{b}{a} \u00e9t\u00e9{a}" for a in "abcdefgh" for b in "klmnop"]
    first = piece_tokenizer(texts, size=160).get_vocab()
    assert all(piece_tokenizer(texts, size=160).get_vocab() == first for _ in range(4))


def test_marks_inside_words_have_the_same_numbers_on_every_run() -> None:
    text = "\u0939\u093f\u0928\u094d\u0926\u0940 \u092e\u0947\u0902 \u0938\u094b \u0915\u0941"
    first = piece_tokenizer([text], size=160).get_vocab()
    assert all(piece_tokenizer([text], size=160).get_vocab() == first for _ in range(6))
