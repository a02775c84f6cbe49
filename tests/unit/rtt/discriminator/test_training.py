from itertools import islice

import pytest
import torch

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric, Verdict
from lmcommon.rng import random_for
from rtt.discriminator import (
    FitSettings,
    LabelledResponse,
    TinyDiscriminator,
    TokenDiscriminator,
    auroc,
    fit,
    span_examples,
)
from rtt.tasks.words import WordsTask
from rtt.verdicts import JudgedVerdicts

SMALL = FitSettings(steps=200, batch=24, learning_rate=4e-3)


def examples(split: str, prompts: int, seed: int) -> list[LabelledResponse]:
    """Half-right responses to the words task, labelled by the deciding spans."""
    task, random = WordsTask(), random_for(seed, "sketch")
    rows = list(islice(task.prompts(split, seed), prompts))  # type: ignore[arg-type]
    pairs = [(row, task.sketch(row, random, care=0.5)) for row in rows]
    told = JudgedVerdicts().verdicts(pairs)
    return span_examples([(*pair, verdicts) for pair, verdicts in zip(pairs, told, strict=True)])


def build(rows: list[LabelledResponse]) -> TokenDiscriminator:
    texts = (text for row in rows for text in (row.criterion, row.response))
    return TinyDiscriminator(hidden=48).build(texts, seed=0)


def quality(model: TokenDiscriminator, rows: list[LabelledResponse]) -> float:
    told = model.relevances([(row.criterion, row.response) for row in rows])
    pairs = [
        (value, label)
        for row, values in zip(rows, told, strict=True)
        for value, label, sign in zip(values, row.char_labels, row.response, strict=True)
        if sign != " "
    ]
    area = auroc([value for value, _ in pairs], [label for _, label in pairs])
    assert area is not None
    return area


def test_it_learns_the_spans_of_prompts_it_has_not_seen() -> None:
    train, heldout = examples("train", 200, seed=1), examples("heldout", 60, seed=2)
    model = build(train)
    before = quality(model, heldout)
    losses = fit(model, train, SMALL, seed=0)
    after = quality(model, heldout)
    assert after > 0.85, (
        f"AUROC {before:.3f} -> {after:.3f}, loss {losses[0]:.3f} -> {losses[-1]:.3f}"
    )
    assert abs(before - 0.5) < 0.25


def test_training_depends_on_the_seed_alone() -> None:
    rows = examples("train", 8, seed=1)
    quick = FitSettings(steps=3, batch=4)
    first, second, other = build(rows), build(rows), build(rows)
    torch.rand(1)
    assert fit(first, rows, quick, seed=0) == fit(second, rows, quick, seed=0)
    assert fit(other, rows, quick, seed=1) != fit(build(rows), rows, quick, seed=0)


def test_every_example_is_seen_before_any_comes_again() -> None:
    rows = examples("train", 2, seed=1)  # six examples
    once = fit(build(rows), rows, FitSettings(steps=1, batch=6), seed=0)
    again = fit(build(rows), rows, FitSettings(steps=1, batch=6), seed=9)
    assert once == pytest.approx(again, abs=1e-6)  # the same six, in another order


def test_nothing_to_learn_from_is_an_error() -> None:
    empty = [LabelledResponse(criterion="c", response="", spans=())]
    with pytest.raises(UserError, match="expected examples with at least one token"):
        fit(build(empty), empty)


def test_span_examples_follow_the_taxonomy_and_skip_what_is_unscored() -> None:
    criteria = tuple(
        Criterion(id=str(i), text=f"text {i}", constraint_id=name)
        for i, name in enumerate(("words:include", "words:exclude", "words:length", None))
    )
    prompt = RubricPrompt(id="p", prompt="", rubric=Rubric(criteria))
    verdicts = [
        Verdict(satisfied=True, spans=((0, 1),)),
        Verdict(satisfied=True, spans=()),
        Verdict(satisfied=False),
        Verdict.unscored("judge down"),
    ]
    rows = span_examples([(prompt, "ab", verdicts)])
    assert [(row.criterion, row.char_labels) for row in rows] == [
        ("text 0", [1, 0]), ("text 1", [0, 0]), ("text 2", [1, 1]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("scores", "labels", "area"),
    [
        ([0.1, 0.9], [0, 1], 1.0),
        ([0.9, 0.1], [0, 1], 0.0),
        ([0.5, 0.5], [0, 1], 0.5),
        ([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.75),  # 3 of 4 pairs in order
        ([0.3, 0.3, 0.8], [0, 1, 1], 0.75),  # one tie counts half
        ([0.1, 0.2], [1, 1], None),
        ([], [], None),
    ],
)
def test_auroc_by_hand(scores: list[float], labels: list[int], area: float | None) -> None:
    assert auroc(scores, labels) == area


def test_the_learning_rate_warms_up_and_falls_to_a_tenth() -> None:
    settings = FitSettings(steps=100, warmup=10, learning_rate=1.0)
    assert settings.rate(0) == pytest.approx(0.1)
    assert settings.rate(9) == pytest.approx(1.0)
    assert settings.rate(100) == pytest.approx(0.1)


def test_bad_settings_name_the_key() -> None:
    with pytest.raises(UserError, match=r"fit\.steps"):
        FitSettings(steps=0)
