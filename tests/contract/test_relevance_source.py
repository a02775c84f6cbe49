"""Wherever a discriminator runs, it says the same: this process, others, behind a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric, Verdict
from rtt.discriminator import TinyDiscriminator, TokenDiscriminator
from rtt.discriminator.encoding import with_verdict
from rtt.discriminator.reading import Reader, ReadSettings
from rtt.discriminator.serving import (
    CharacterReader,
    KeptReader,
    ReaderPool,
    RelevanceServer,
    RemoteReader,
)
from rtt.relevance import DiscriminatorRelevance, RelevanceItem
from rtt.relevance.served import load_reader
from rtt.types import Rollout

RULES = ['The word "dune" occurs.', "The last word is jade."]
RESPONSES = [
    "amber dune", "birch coral dune amber iris jade kelp", "", "  ",
    "kelp \U0001f9ed e\u0301", " ".join(["amber", "dune", "iris"] * 40),
]  # fmt: skip
QUESTIONS = ["birch coral kelp", "jade " * 30]
PAIRS = [(rule, text, ask) for ask in QUESTIONS for text in RESPONSES for rule in RULES]
PAIRS += PAIRS[:2]
KINDS = ["causal", "bidirectional-verdict", "causal-question"]


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved discriminator; the longest response takes several rows."""
    kind = str(request.param)
    texts = [text for pair in PAIRS for text in pair if "\ud800" not in text]
    model = TinyDiscriminator(hidden=32, context=96, bidirectional=kind.startswith("bi"))
    built = model.build(texts, seed=3)
    built.tell(reads_question=kind.endswith("question"), reads_verdict=kind.endswith("verdict"))
    path = tmp_path_factory.mktemp(kind) / "model"
    built.save(path)
    return path


class Readers(dict[str, CharacterReader]):
    def __missing__(self, where: str) -> CharacterReader:
        pytest.skip(f"{where}: started for {KINDS[0]} alone, since it takes long")


@pytest.fixture(scope="module")
def readers(folder: Path) -> Iterator[dict[str, CharacterReader]]:
    load = partial(load_reader, folder=str(folder), context=None, settings=ReadSettings())
    with ExitStack() as opened:
        here = load("cpu")
        server = opened.enter_context(RelevanceServer(load("cpu"), token="secret"))
        remote = opened.enter_context(closing(RemoteReader(server.url, token="secret")))
        found = Readers({"in process": here, "kept": KeptReader(here), "server": remote})
        if folder.parent.name.rstrip("0123456789") == KINDS[0]:
            found["processes"] = opened.enter_context(closing(ReaderPool(load, ["cpu", "cpu"])))
        yield found


WHERE = ["in process", "kept", "processes", "server"]


@pytest.mark.parametrize("where", WHERE)
def test_the_values_and_their_order_are_those_of_the_plain_forward(
    where: str, folder: Path, readers: dict[str, CharacterReader]
) -> None:
    plain = TokenDiscriminator.load(folder)
    told = readers[where].relevances(PAIRS)
    assert len(told) == len(PAIRS)
    for pair, chars in zip(PAIRS, told, strict=True):
        (expected,) = plain.relevances([pair])
        assert chars.dtype == np.float32
        assert chars.shape == (len(pair[1]),)
        np.testing.assert_allclose(chars, expected, atol=1e-5, err_msg=repr(pair))


@pytest.mark.parametrize("where", WHERE)
def test_nothing_asked_is_nothing_told(where: str, readers: dict[str, CharacterReader]) -> None:
    assert readers[where].relevances([]) == []


@pytest.mark.parametrize("where", WHERE)
def test_all_say_what_they_are(
    where: str, folder: Path, readers: dict[str, CharacterReader]
) -> None:
    plain = TokenDiscriminator.load(folder)
    assert readers[where].reads_question == plain.reads_question
    assert readers[where].reads_verdict == plain.reads_verdict
    assert readers[where].digest == Reader(plain).digest


@pytest.mark.parametrize("where", WHERE)
def test_a_criterion_without_room_is_refused_and_the_next_call_works(
    where: str, readers: dict[str, CharacterReader]
) -> None:
    with pytest.raises(UserError, match="expected a criterion of fewer than 96 tokens"):
        readers[where].relevances([("dune " * 200, "dune"), *PAIRS])
    assert len(readers[where].relevances(PAIRS[:3])) == 3


@pytest.mark.parametrize("where", WHERE)
def test_a_source_projects_onto_the_tokens_of_the_policy(
    where: str, readers: dict[str, CharacterReader]
) -> None:
    criterion = Criterion(id="c", text=RULES[0], constraint_id="words:include")
    prompt = RubricPrompt(id="p", prompt=QUESTIONS[0], rubric=Rubric((criterion,)))
    rollout = Rollout(
        prompt_id="p", tokens=(0, 1, 2), logprobs=(0.0,) * 3, text="amber dune",
        offsets=((0, 3), (3, 10), (10, 10)),
    )  # fmt: skip
    item = RelevanceItem(
        prompt=prompt, criterion=criterion, verdict=Verdict(satisfied=True), rollout=rollout
    )
    (told,) = DiscriminatorRelevance(discriminator=readers[where]).relevances([item])
    here = readers["in process"]
    asked = with_verdict(RULES[0], True if here.reads_verdict else None)
    (chars,) = here.relevances([(asked, "amber dune", QUESTIONS[0])])
    assert told == pytest.approx([chars[:3].max(), chars[3:].max(), 0.0])
