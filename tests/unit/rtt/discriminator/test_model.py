from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.errors import UserError
from lmcommon.testing.tiny_lm import make_tiny_lm
from rtt.discriminator import TinyDiscriminator, TokenDiscriminator
from rtt.discriminator.encoding import INSTRUCTION, Asked, Encoded, encodable, with_verdict
from rtt.discriminator.inputs import match_types
from rtt.discriminator.model import length_buckets

RULE = 'The word "dune" occurs.'
PAIRS = [
    (RULE, "amber dune"),
    (RULE, "birch coral dune amber iris jade kelp"),
    ("The last word is jade.", "iris jade"),
    (RULE, ""),
]


def tiny(**options: object) -> TokenDiscriminator:
    texts = [text for pair in PAIRS for text in pair]
    return TinyDiscriminator(hidden=32, **options).build(texts, seed=1)  # type: ignore[arg-type]


SHAPES = {
    "causal": {},
    "bidirectional": {"bidirectional": True},
    "matches": {"bidirectional": True, "reads_matches": True},
}


@pytest.fixture(params=list(SHAPES))
def model(request: pytest.FixtureRequest) -> TokenDiscriminator:
    return tiny(**SHAPES[request.param])


def test_a_row_is_the_instruction_the_criterion_and_the_response(model: TokenDiscriminator) -> None:
    (row,) = model.encode(Asked(RULE, "amber dune"))
    read = model.tokenizer.decode(row.ids)
    assert read.startswith("Mark the words")
    assert len(INSTRUCTION.splitlines()) == 1
    assert [model.tokenizer.decode(i) for i in row.ids[row.start :]] == ["amber", "dune"]
    assert row.offsets == ((0, 5), (6, 10))


def test_one_probability_a_character(model: TokenDiscriminator) -> None:
    told = model.relevances(PAIRS)
    assert [len(row) for row in told] == [len(response) for _, response in PAIRS]
    assert all(((row >= 0) & (row <= 1)).all() for row in told)
    assert len({*told[0][:5]}) == 1  # the characters of one token share its probability
    assert told[0][5] == 0  # white space that no token covers


def test_batches_change_nothing(model: TokenDiscriminator) -> None:
    together = model.relevances(PAIRS)
    for batch_tokens in (1, 40, 10_000):
        for pair, row in zip(PAIRS, together, strict=True):
            (alone,) = model.relevances([pair], batch_tokens=batch_tokens)
            np.testing.assert_allclose(alone, row, atol=1e-5)


def test_a_causal_model_does_not_look_ahead_and_a_bidirectional_one_does() -> None:
    pairs = [(RULE, "amber dune"), (RULE, "amber kelp")]
    one, other = tiny().relevances(pairs)
    assert abs(one[0] - other[0]) < 1e-6
    one, other = tiny(bidirectional=True).relevances(pairs)
    assert abs(one[0] - other[0]) > 1e-6


def test_a_response_too_long_for_the_context_is_read_in_pieces() -> None:
    model = tiny(context=32)
    response = " ".join(["dune", "amber", "iris"] * 12)
    rows = model.encode(Asked(RULE, response))
    assert len(rows) > 1
    assert max(len(row.ids) for row in rows) <= 32
    assert [x for row in rows for x in row.offsets] == [
        (start, start + len(word))
        for word, start in zip(response.split(), _starts(response), strict=True)
    ]
    (told,) = model.relevances([(RULE, response)])
    assert all(told[start] > 0 for start in _starts(response))


def _starts(text: str) -> list[int]:
    return [0, *(place + 1 for place, sign in enumerate(text) if sign == " ")]


def test_a_criterion_that_leaves_no_room_says_so() -> None:
    with pytest.raises(UserError, match="fewer than 16 tokens"):
        tiny(context=16).relevances([("dune " * 20, "dune")])


def test_saved_and_loaded_it_says_the_same(model: TokenDiscriminator, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = TokenDiscriminator.load(tmp_path)
    for before, after in zip(model.relevances(PAIRS), again.relevances(PAIRS), strict=True):
        np.testing.assert_array_equal(before, after)


def test_any_causal_checkpoint_can_be_a_backbone(tmp_path: Path) -> None:
    folder = make_tiny_lm(tmp_path, seed=3)
    first = TokenDiscriminator.start(folder, seed=5)
    second = TokenDiscriminator.start(folder, seed=5)
    other = TokenDiscriminator.start(folder, seed=6)
    (told,) = first.relevances([(RULE, "amber dune")])
    np.testing.assert_array_equal(told, second.relevances([(RULE, "amber dune")])[0])
    assert (told != other.relevances([(RULE, "amber dune")])[0]).any()


def test_dropout_is_off_whatever_the_architecture_would_take(tmp_path: Path) -> None:
    model = TokenDiscriminator.start(make_tiny_lm(tmp_path, architecture="llama")).model
    rates = [part.p for part in model.modules() if isinstance(part, torch.nn.Dropout)]
    assert rates == [0.0]


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected a folder or hub id of a model"):
        TokenDiscriminator.load(tmp_path)


def test_a_classifier_of_several_classes_is_refused(tmp_path: Path) -> None:
    model = tiny()
    model.model.config.num_labels = 3
    with pytest.raises(UserError, match="num_labels=1, got 3"):
        TokenDiscriminator(model.model, model.tokenizer)


def test_buckets_hold_rows_of_similar_length_within_the_limit() -> None:
    lengths = [5, 100, 7, 90, 6, 400]
    buckets = length_buckets(lengths, 200)
    assert buckets == [[5], [1, 3], [2, 4, 0]]
    assert sorted(x for bucket in buckets for x in bucket) == list(range(6))


def test_a_question_is_read_only_by_a_model_made_for_it(model: TokenDiscriminator) -> None:
    asked = Asked(RULE, "amber dune", "birch coral")
    assert model.encode(asked) == model.encode(Asked(RULE, "amber dune"))
    model.tell(reads_question=True)
    (with_question,), (without,) = model.encode(asked), model.encode(Asked(RULE, "amber dune"))
    assert with_question.offsets == without.offsets
    assert with_question.start > without.start


def test_a_long_question_leaves_half_of_the_context() -> None:
    model = tiny(context=64)
    model.tell(reads_question=True)
    (row,) = model.encode(Asked(RULE, "amber dune", " ".join(["iris"] * 500)))
    assert row.start <= 32


def test_the_temperature_and_what_is_read_come_back_with_the_checkpoint(tmp_path: Path) -> None:
    model = tiny()
    (plain,) = model.relevances([(RULE, "amber dune")])
    model.tell(temperature=2.0, reads_question=True)
    model.save(tmp_path)
    loaded = TokenDiscriminator.load(tmp_path)
    assert loaded.reads_question
    assert loaded.temperature == 2.0
    (warm,) = loaded.relevances([(RULE, "amber dune")])
    logits = np.log(plain / (1 - plain), where=plain > 0, out=np.zeros_like(plain))
    expected = np.where(plain > 0, 1 / (1 + np.exp(-logits / 2)), 0)
    np.testing.assert_allclose(warm, expected, atol=1e-5)


@pytest.mark.parametrize("pieces", [0, 400])
def test_half_a_surrogate_pair_is_one_character_like_any_other(pieces: int) -> None:
    model = TinyDiscriminator(pieces=pieces).build(["hello \ud83d there"], seed=0)
    (told,) = model.relevances([("Say \udc00.", "hello \ud83d there")])
    (same,) = model.relevances([("Say \ufffd.", "hello \ufffd there")])
    assert told.tolist() == same.tolist()


def test_whether_the_verdict_is_told_comes_back_with_the_checkpoint(tmp_path: Path) -> None:
    model = tiny()
    assert not model.reads_verdict
    model.tell(reads_verdict=True)
    model.save(tmp_path)
    assert TokenDiscriminator.load(tmp_path).reads_verdict


def test_a_verdict_is_a_line_of_its_own_after_the_criterion() -> None:
    assert with_verdict("No commas.", False) == "No commas.\nVerdict: not met"
    assert with_verdict("No commas.", True) == "No commas.\nVerdict: met"
    assert with_verdict("No commas.", None) == "No commas."


def test_matches_are_of_single_tokens_and_of_neighbours() -> None:
    ids = (7, 7, 11, 12, 13, 7, 12, 13, 9, 11, 7, 12)  # 7 is of the template, 11 12 13 are asked
    row = Encoded(ids=ids, start=6, offsets=((0, 1),) * 6, criterion=(2, 5))
    assert match_types(row) == [0, 0, 0, 0, 0, 0, 3, 3, 1, 2, 1, 2]


@pytest.mark.parametrize("question", ["", "Tell me of the amber coral."])
@pytest.mark.parametrize("told", [None, False])
@pytest.mark.parametrize("criterion", [RULE, "x", "\ud83d", "Verdict: met"])
def test_a_row_knows_where_its_criterion_stands(
    criterion: str, told: bool | None, question: str
) -> None:
    model = tiny(pieces=300, context=128)
    model.tell(reads_question=True)
    (row,) = model.encode(Asked(with_verdict(criterion, told), "amber dune", question))
    first, last = row.criterion
    alone = model.tokenizer(encodable(criterion), add_special_tokens=False)["input_ids"]
    assert list(row.ids[first:last]) == alone


@given(st.lists(st.integers(0, 5), max_size=8), st.lists(st.integers(0, 5), max_size=12))
def test_a_token_has_a_match_if_and_only_if_the_criterion_holds_it(
    criterion: list[int], response: list[int]
) -> None:
    ids = (9, *criterion, 9, *response)
    start = len(criterion) + 2
    row = Encoded(ids=ids, start=start, offsets=((0, 1),) * len(response), criterion=(1, start - 1))
    types = match_types(row)
    assert len(types) == len(ids)
    assert types[:start] == [0] * start
    for place, token in enumerate(response):
        assert (types[start + place] > 1) == (token in criterion)


def test_what_is_told_of_matches_is_read() -> None:
    model = tiny(**SHAPES["matches"])
    rows = model.encode(Asked(RULE, "amber dune"))
    told = model.inputs.tensors(rows)
    with torch.inference_mode():
        one = model.model(**told).logits
        told["token_type_ids"] = told["token_type_ids"].clamp(max=1)
        other = model.model(**told).logits
    assert (one - other).abs().max() > 1e-4


def test_matches_need_an_encoder_made_for_them() -> None:
    with pytest.raises(UserError, match="reads_matches: expected bidirectional=true"):
        tiny(reads_matches=True)
    model = tiny(bidirectional=True)
    model.tell(reads_matches=True)
    with pytest.raises(UserError, match=r"expected a model with 4 token types; got \w+ with 2"):
        model.relevances(PAIRS)
