"""The fast reader gives the values of the plain forward, however it batches, shares and packs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lmcommon.errors import UserError
from rtt.discriminator import TinyDiscriminator, TokenDiscriminator
from rtt.discriminator.batching import (
    Bundle,
    filled,
    length_buckets,
    saved_tokens,
    shared_beginnings,
)
from rtt.discriminator.forward import Forward
from rtt.discriminator.reading import Reader, ReadSettings

RULES = ['The word "dune" occurs.', "The last word is jade.", "No comma."]
RESPONSES = [
    "amber dune", "birch coral dune amber iris jade kelp", "", "iris jade",
    " ".join(["amber", "dune", "iris"] * 30), "kelp, \U0001f9ed and e\u0301", "   ",
]  # fmt: skip
QUESTIONS = ["birch coral " * 9, "kelp"]
PAIRS = [(rule, text, QUESTIONS[0]) for rule in RULES for text in RESPONSES]
PAIRS += [(RULES[0], "amber dune", QUESTIONS[1]), PAIRS[0]]

SHAPES: list[dict[str, bool]] = [
    {}, {"bidirectional": True}, {"bidirectional": True, "reads_matches": True},
]  # fmt: skip


def tiny(**options: object) -> TokenDiscriminator:
    texts = [text for pair in PAIRS for text in pair]
    return TinyDiscriminator(hidden=32, context=96, **options).build(texts, seed=1)  # type: ignore[arg-type]


def alone(model: TokenDiscriminator) -> list[np.ndarray]:  # type: ignore[type-arg]
    return [model.relevances([pair])[0] for pair in PAIRS]


@pytest.mark.parametrize("shape", SHAPES, ids=["causal", "bidirectional", "matches"])
@pytest.mark.parametrize("reads_question", [False, True], ids=["plain", "question"])
@pytest.mark.parametrize("batch_tokens", [1, 100, 16_384])
def test_the_values_are_those_of_one_row_at_a_time(
    shape: dict[str, bool], reads_question: bool, batch_tokens: int
) -> None:
    model = tiny(**shape)
    model.tell(reads_question=reads_question, temperature=0.5)
    reader = Reader(model, ReadSettings(batch_tokens=batch_tokens))
    for pair, told, expected in zip(PAIRS, reader.relevances(PAIRS), alone(model), strict=True):
        assert told.dtype == np.float32
        np.testing.assert_allclose(told, expected, atol=1e-5, err_msg=repr(pair))


@pytest.mark.parametrize("shape", SHAPES, ids=["causal", "bidirectional", "matches"])
@pytest.mark.parametrize("settings", [{"share": False}, {"pack": False}], ids=str)
def test_each_way_can_be_turned_off(shape: dict[str, bool], settings: dict[str, bool]) -> None:
    model = tiny(**shape)
    told = Reader(model, ReadSettings(**settings)).relevances(PAIRS)  # type: ignore[arg-type]
    for one, expected in zip(told, alone(model), strict=True):
        np.testing.assert_allclose(one, expected, atol=1e-5)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_near_and_leaves_the_discriminator_as_it_is(precision: str) -> None:
    model = tiny()
    told = Reader(model, ReadSettings(precision=precision)).relevances(PAIRS)  # type: ignore[arg-type]
    assert model.model.dtype == torch.float32
    for one, expected in zip(told, alone(model), strict=True):
        np.testing.assert_allclose(one, expected, atol=0.03)


def test_whether_a_model_looks_ahead_is_seen_on_the_model() -> None:
    assert Forward(tiny().model, pad=0).is_causal
    assert not Forward(tiny(bidirectional=True).model, pad=0).is_causal


def test_a_causal_model_can_share_beginnings_and_an_encoder_cannot() -> None:
    assert Forward(tiny().model, pad=0).can_share
    assert not Forward(tiny(bidirectional=True).model, pad=0).can_share


def test_the_digest_is_of_weights_tokenizer_and_settings() -> None:
    first, same, other = tiny(), tiny(), tiny()
    with torch.no_grad():
        next(other.model.parameters())[0, 0] += 1
    digest = Reader(first).digest
    assert Reader(same).digest == digest
    assert Reader(other).digest != digest
    assert Reader(first, ReadSettings(precision="bf16")).digest != digest
    same.tell(temperature=2.0)
    assert Reader(same).digest != digest


def test_settings_out_of_range_say_so() -> None:
    with pytest.raises(UserError, match="batch_tokens: expected 0 or more; got -1"):
        ReadSettings(batch_tokens=-1)
    with pytest.raises(UserError, match="precision: expected one of fp32, bf16, fp16; got 'int8'"):
        ReadSettings(precision="int8")  # type: ignore[arg-type]


def test_buckets_pad_no_more_than_the_slack() -> None:
    assert length_buckets([100, 95, 60, 58], 1000, slack=0.1) == [[0, 1], [2, 3]]
    assert length_buckets([20, 9, 5], 1000, slack=0.0) == [[0, 1, 2]]  # 16 tokens always may be


def test_beginnings_are_shared_where_most_is_saved() -> None:
    one, other = [1, 2, 3, 4], [1, 2, 9, 8]
    rows = [[*one, 7], [*one, 6, 5], [*other, 7], [5, 5]]
    bundles = shared_beginnings(rows, [4, 4, 4, 1])
    assert sorted(bundles, key=lambda bundle: bundle.places) == [
        Bundle(shared=2, places=(0, 1, 2)), Bundle(shared=0, places=(3,)),
    ]  # fmt: skip
    # More samples a criterion: the criterion's whole text is worth more than what all share.
    rows = [[*one, 7]] * 4 + [[*other, 7]] * 4
    bundles = shared_beginnings(rows, [4] * 8)
    assert {(one.shared, one.places) for one in bundles} == {(4, (0, 1, 2, 3)), (4, (4, 5, 6, 7))}
    assert saved_tokens(bundles) == 24


def test_batches_of_bundles_keep_the_limit() -> None:
    bundles = [Bundle(shared=5, places=(0, 1, 2, 3)), Bundle(shared=3, places=(4, 5))]
    lengths = [9, 8, 7, 25, 6, 6]
    batches = filled(bundles, lengths, 16)
    told = [place for batch in batches for one in batch for place in one.places]
    assert sorted(told) == [0, 1, 2, 3, 4, 5]
    for batch in batches:
        size = sum(one.shared + sum(lengths[i] - one.shared for i in one.places) for one in batch)
        assert size <= 16 or [one.places for one in batch] == [(3,)], batch
