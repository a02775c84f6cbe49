from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric, Verdict
from rtt.discriminator import TinyDiscriminator, TokenDiscriminator
from rtt.relevance import DiscriminatorRelevance, DiscriminatorSource, RelevanceItem
from rtt.relevance.offsets import chars_to_relevance
from rtt.types import Rollout, Span

TEXT = "amber dune iris"
RULE = Criterion(id="c", text='The word "dune" occurs.', constraint_id="words:include")
GLOBAL = Criterion(id="g", text="Three words.", constraint_id="words:length")
JUDGED = Criterion(id="j", text="The tone is calm.")


def item(criterion: Criterion, offsets: tuple[Span, ...], text: str = TEXT) -> RelevanceItem:
    count = len(offsets)
    rollout = Rollout(
        prompt_id="p", tokens=tuple(range(count)), logprobs=(0.0,) * count, text=text,
        offsets=offsets,
    )  # fmt: skip
    prompt = RubricPrompt(id="p", prompt="", rubric=Rubric((criterion,)))
    return RelevanceItem(
        prompt=prompt, criterion=criterion, verdict=Verdict(satisfied=True), rollout=rollout
    )


@pytest.fixture
def source() -> DiscriminatorRelevance:
    texts = [RULE.text, GLOBAL.text, JUDGED.text, TEXT]
    return DiscriminatorRelevance(discriminator=TinyDiscriminator(hidden=32).build(texts, seed=1))


def test_the_verdict_is_told_only_to_a_discriminator_made_for_it() -> None:
    texts = [RULE.text, TEXT, "Verdict: met not"]
    offsets = ((0, 5), (6, 10), (11, 15))
    met = item(RULE, offsets)
    violated = replace(met, verdict=Verdict(satisfied=False))
    unscored = replace(met, verdict=Verdict(satisfied=None, failure="judge", source="judge"))
    for reads, asked in ((False, 1), (True, 3)):
        model = TinyDiscriminator(hidden=32).build(texts, seed=1)
        model.tell(reads_verdict=reads)
        source = DiscriminatorRelevance(discriminator=model)
        told = source.relevances([met, violated, unscored])
        assert source.asked == asked
        assert len({*told}) == asked
    (plain,) = model.relevances([(RULE.text, TEXT)])
    assert told[2] == pytest.approx([plain[0], plain[6], plain[11]], abs=1e-6)


def test_another_tokenizer_gets_its_own_tokens(source: DiscriminatorRelevance) -> None:
    (chars,) = source.discriminator.relevances([(RULE.text, TEXT)])
    words = ((0, 5), (5, 10), (10, 15), (15, 15))
    pieces = ((0, 3), (3, 7), (7, 15))  # cut across the words of the discriminator
    by_word, by_piece = source.relevances([item(RULE, words), item(RULE, pieces)])
    assert by_word == pytest.approx([chars[0], chars[6], chars[11], 0.0])
    assert by_piece == pytest.approx([chars[0], max(chars[:7]), max(chars[7:])])


def test_a_global_criterion_is_not_asked_about(source: DiscriminatorRelevance) -> None:
    assert source.relevances([item(GLOBAL, ((0, 5), (5, 15)))]) == [(1.0, 1.0)]
    assert (source.asked, source.skipped) == (0, 1)


def test_a_judged_criterion_is_asked_about(source: DiscriminatorRelevance) -> None:
    source.relevances([item(JUDGED, ((0, 5),))])
    assert source.asked == 1


def test_a_pair_is_read_once(source: DiscriminatorRelevance) -> None:
    asked = [item(RULE, ((0, 5),))] * 3
    first = source.relevances(asked)
    assert (source.asked, source.skipped) == (1, 2)
    assert source.relevances(asked) == first
    assert (source.asked, source.skipped) == (1, 5)


def test_only_so_much_is_kept(source: DiscriminatorRelevance) -> None:
    source = DiscriminatorRelevance(discriminator=source.discriminator, remember_mb=0.0003)
    for text in ("amber", "dune", "amber"):
        source.relevances([item(RULE, ((0, 4),), text)])
    assert source.asked == 3


def test_an_empty_response_has_no_relevance(source: DiscriminatorRelevance) -> None:
    assert source.relevances([item(RULE, ((0, 0),), "")]) == [(0.0,)]


def test_the_settings_load_a_saved_one(source: DiscriminatorRelevance, tmp_path: Path) -> None:
    assert isinstance(source.discriminator, TokenDiscriminator)
    source.discriminator.save(tmp_path)
    loaded = DiscriminatorSource(folder=str(tmp_path)).build()
    asked = [item(RULE, ((0, 5), (5, 10), (10, 15)))]
    assert loaded.relevances(asked) == source.relevances(asked)


def test_settings_without_a_folder_say_what_to_give() -> None:
    with pytest.raises(UserError, match=r"relevance\.folder: expected the folder"):
        DiscriminatorSource().build()


def test_a_token_takes_its_most_relevant_character() -> None:
    got = chars_to_relevance(np.array([0.1, 0.9, 0.3]), [(0, 2), (1, 1), (2, 3), (0, 3), (3, 3)])
    assert got == pytest.approx((0.9, 0.0, 0.3, 0.9, 0.0))
    assert chars_to_relevance(np.array([0.1]), []) == ()
    with pytest.raises(ValueError, match="a text of 1 characters"):
        chars_to_relevance(np.array([0.1]), [(0, 2)])
