"""An exported discriminator is an ordinary checkpoint."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

from lmcommon.testing.tiny_lm import make_tiny_lm
from rtt.discriminator import TinyDiscriminator, TokenDiscriminator
from rtt.discriminator.backbones import PretrainedBackbone
from rtt.discriminator.card import Card, export
from rtt.discriminator.encoding import INSTRUCTION

PAIR = ("Say dune.", "amber Dune, iris")
CARD = Card(
    name="small", backbone="from scratch", data="Ten rows.", seen=("a:b",), figures=["| x |"]
)


def small(bidirectional: bool) -> TokenDiscriminator:
    made = TinyDiscriminator(hidden=32, bidirectional=bidirectional, pieces=150)
    model = made.build([" ".join(PAIR)] * 3, seed=1)
    model.tell(temperature=1.5, reads_question=False)
    return model


@pytest.mark.parametrize("bidirectional", [False, True], ids=["causal", "bidirectional"])
def test_plain_transformers_loads_it_and_computes_the_same(
    tmp_path: Path, bidirectional: bool
) -> None:
    model = small(bidirectional)
    folder = export(model, tmp_path / "out", CARD)
    plain = AutoModelForTokenClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert plain.config.num_labels == 1
    assert plain.config.rtt["temperature"] == 1.5
    criterion, response = PAIR
    head = tokenizer(f"{INSTRUCTION}\nCriterion: {criterion}\nResponse:\n")["input_ids"]
    body = tokenizer(response, add_special_tokens=False, return_offsets_mapping=True)
    with torch.no_grad():
        logits = plain(input_ids=torch.tensor([[*head, *body["input_ids"]]])).logits[0, len(head) :]
    values = (logits[:, 0] / 1.5).sigmoid().tolist()
    (told,) = model.relevances([PAIR])
    for (start, _), value in zip(body["offset_mapping"], values, strict=True):
        assert told[start] >= value - 1e-5
    assert max(values) == pytest.approx(float(told.max()), abs=1e-5)


def test_the_card_says_what_it_is_and_how_to_load_it(tmp_path: Path) -> None:
    text = (export(small(True), tmp_path, CARD) / "README.md").read_text(encoding="utf-8")
    assert text.startswith("---\nlibrary_name: transformers\npipeline_tag: token-classification")
    for part in ("# small", "Ten rows.", "Kinds seen (1): a:b.", "| x |", "1.500", "## Limits"):
        assert part in text, text


def test_a_trained_discriminator_keeps_its_head_when_it_goes_on_learning(tmp_path: Path) -> None:
    model = small(False)
    model.save(tmp_path)
    again = PretrainedBackbone(path=str(tmp_path), trained=True).build(seed=5)
    (before,), (after,) = model.relevances([PAIR]), again.relevances([PAIR])
    assert after == pytest.approx(before, abs=1e-6)
    fresh = PretrainedBackbone(path=str(tmp_path), context=40).build(seed=5)
    assert fresh.context == 40


def test_a_checkpoint_gets_a_fresh_head(tmp_path: Path) -> None:
    folder = make_tiny_lm(tmp_path, architecture="llama")
    one = PretrainedBackbone(path=str(folder)).build(seed=1)
    other = PretrainedBackbone(path=str(folder)).build(seed=2)
    assert not torch.equal(one.model.score.weight, other.model.score.weight)


def test_by_the_card_one_that_reads_matches_computes_the_same_in_plain_transformers(
    tmp_path: Path,
) -> None:
    shape = {"bidirectional": True, "reads_matches": True}
    model = TinyDiscriminator(hidden=32, pieces=150, **shape).build([" ".join(PAIR)] * 3, seed=1)
    folder = export(model, tmp_path / "out", CARD)
    assert "`token_type_ids` must be given" in (folder / "README.md").read_text(encoding="utf-8")
    plain = AutoModelForTokenClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    criterion, response = PAIR
    head = tokenizer(f"{INSTRUCTION}\nCriterion: {criterion}\nResponse:\n")["input_ids"]
    asked = tokenizer(criterion, add_special_tokens=False)["input_ids"]
    body = tokenizer(response, add_special_tokens=False, return_offsets_mapping=True)
    ids = body["input_ids"]
    types = [0] * len(head) + [2 if token in asked else 1 for token in ids]
    assert 2 in types
    sides = list(pairwise(asked))
    for place, side in enumerate(pairwise(ids), len(head)):
        if side in sides:
            types[place] = types[place + 1] = 3
    with torch.no_grad():
        logits = plain(
            input_ids=torch.tensor([[*head, *ids]]), token_type_ids=torch.tensor([types])
        ).logits[0, len(head) :]
    (told,) = model.relevances([PAIR])
    values = logits[:, 0].sigmoid().tolist()
    for (start, _), value in zip(body["offset_mapping"], values, strict=True):
        assert told[start] >= value - 1e-5
    assert max(values) == pytest.approx(float(told.max()), abs=1e-5)
