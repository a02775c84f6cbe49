"""Scoring during generation gives what scoring after it gives."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Verdict
from rtt.engine.base import Finished
from rtt.policy import Policy, TinyPolicy
from rtt.relevance.sources import (
    RandomRelevance,
    RelevanceItem,
    RelevanceSource,
    SpanRelevance,
    UniformRelevance,
)
from rtt.tasks import WordsTask
from rtt.train import Credit, LocalTrainer, TrainSettings
from rtt.train.overlap import Overlap
from rtt.train.scoring import Scorer
from rtt.types import Group, Rollout
from rtt.verdicts import JudgedVerdicts, WatchedVerdicts

TASK = WordsTask()
PROMPTS = list(islice(TASK.prompts("train", 1), 4))
SAMPLES = 3


def response(prompt: int, sample: int, text: str) -> Finished:
    words = text.split()
    rollout = Rollout(
        prompt_id=PROMPTS[prompt].id, tokens=tuple(range(len(words))),
        logprobs=(-1.0,) * len(words), text=text,
        offsets=tuple((place, place + 1) for place in range(len(words))),
    )  # fmt: skip
    return Finished(prompt=prompt, sample=sample, rollout=rollout)


TEXTS = st.lists(
    st.text(alphabet="ab ", min_size=1, max_size=9).map(lambda text: f"amber {text}".strip()),
    min_size=len(PROMPTS) * SAMPLES, max_size=len(PROMPTS) * SAMPLES,
)  # fmt: skip


@pytest.mark.parametrize(
    "source", [SpanRelevance(), UniformRelevance(), RandomRelevance()], ids=repr
)
@settings(deadline=None, max_examples=25)
@given(texts=TEXTS, order=st.permutations(range(len(PROMPTS) * SAMPLES)), workers=st.integers(1, 4))
def test_the_groups_are_those_of_scoring_afterwards(
    source: RelevanceSource, texts: list[str], order: list[int], workers: int
) -> None:
    finished = [response(*divmod(place, SAMPLES), texts[place]) for place in range(len(texts))]
    scorer = Scorer(relevance=source)
    with Overlap(scorer, PROMPTS, SAMPLES, workers=workers) as overlap:
        groups = overlap.feed(finished[place] for place in order)
        scored = overlap.finish()
    assert [group.prompt for group in groups] == PROMPTS
    assert scored == scorer.score(groups)


@dataclass
class Slow:
    """Judges when it is told to."""

    source: JudgedVerdicts = field(default_factory=JudgedVerdicts)
    asked: list[str] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        self.asked += [text for _, text in items]
        assert self.go.wait(20)
        return self.source.verdicts(items)


def wait_for(judge: Slow) -> None:
    """Until the judge was asked about something."""
    for _ in range(2000):
        if judge.asked:
            return
        time.sleep(0.01)
    raise AssertionError("the judge was never asked")


def everything(text: str = "amber dune") -> Iterator[Finished]:
    for prompt in range(len(PROMPTS)):
        for sample in range(SAMPLES):
            yield response(prompt, sample, f"{text} {prompt} {sample}")


def test_a_response_is_judged_while_others_are_written() -> None:
    judge = Slow()

    def stream() -> Iterator[Finished]:
        for number, one in enumerate(everything()):
            if number == 1:  # the first one must be with the judge by now, or this waits for ever
                wait_for(judge)
            yield one
        judge.go.set()

    with Overlap(Scorer(verdicts=judge), PROMPTS, SAMPLES, workers=1) as overlap:
        overlap.feed(stream())
        assert len(overlap.finish()) == len(PROMPTS)
    assert judge.asked[0].endswith("0 0")


def test_equal_responses_to_a_prompt_are_judged_once() -> None:
    judge = Slow()
    judge.go.set()
    with Overlap(Scorer(verdicts=judge), PROMPTS, SAMPLES) as overlap:
        overlap.feed(replace(one, rollout=response(one.prompt, 0, "amber").rollout)
                     for one in everything())  # fmt: skip
        scored = overlap.finish()
    assert len(judge.asked) == len(PROMPTS)
    assert all(len(group.samples) == SAMPLES for group in scored)


@dataclass
class Broken:
    """A judge that cannot go on."""

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        raise UserError("the judge's key is not accepted")


def test_what_scoring_raises_ends_the_generation() -> None:
    taken = []

    def stream() -> Iterator[Finished]:
        for one in (one for _ in range(10_000) for one in everything()):
            taken.append(one)
            yield one

    with (
        pytest.raises(UserError, match="key is not accepted"),
        Overlap(Scorer(verdicts=Broken()), PROMPTS, SAMPLES) as overlap,
    ):
        overlap.feed(stream())
    assert len(taken) < 120_000


def test_what_waits_for_a_slow_judge_is_dropped_when_generation_fails() -> None:
    """Else the process would not end before the judge has answered about all of it."""
    judge = Slow()

    def stream() -> Iterator[Finished]:
        for number, one in enumerate(everything()):
            if number == 1:
                wait_for(judge)
            yield one
        raise UserError("the engine died")

    with (
        pytest.raises(UserError, match="engine died"),
        Overlap(Scorer(verdicts=judge), PROMPTS, SAMPLES, workers=1) as overlap,
    ):
        overlap.feed(stream())
    before = len(judge.asked)
    judge.go.set()
    for worker in [one for one in threading.enumerate() if one.name.startswith("score")]:
        worker.join(timeout=20)
    assert before < len(PROMPTS) * SAMPLES
    assert len(judge.asked) == before


@dataclass
class NoVerdict:
    """A judge that is down."""

    def verdicts(self, items: Sequence[tuple[RubricPrompt, str]]) -> list[tuple[Verdict, ...]]:
        return [
            tuple(Verdict.unscored("down") for _ in prompt.rubric.criteria) for prompt, _ in items
        ]


def test_a_watch_counts_batches_of_the_run_not_of_the_workers() -> None:
    watch = WatchedVerdicts(source=NoVerdict(), max_unscored=0.5, patience=2)
    for last in (False, True):
        with Overlap(Scorer(verdicts=watch), PROMPTS, SAMPLES) as overlap:
            overlap.feed(everything())
            if not last:
                assert not any(one.is_scored for group in overlap.finish() for one in group.samples)
                continue
            with pytest.raises(UserError, match="2 batches in a row"):
                overlap.finish()


@dataclass
class OnThePolicy:
    """A source that would disturb the policy while it writes."""

    runs_policy = True
    calls: list[int] = field(default_factory=list)
    is_writing: bool = False

    def relevances(self, items: Sequence[RelevanceItem]) -> list[tuple[float, ...]]:
        assert not self.is_writing
        self.calls.append(len(items))
        return [(0.5,) * len(item.rollout.tokens) for item in items]


def test_a_source_that_runs_the_policy_is_asked_once_at_the_end() -> None:
    source = OnThePolicy()

    def stream() -> Iterator[Finished]:
        source.is_writing = True
        yield from everything()
        source.is_writing = False

    with Overlap(Scorer(relevance=source), PROMPTS, SAMPLES) as overlap:
        overlap.feed(stream())
        overlap.finish()
    assert len(source.calls) == 1


def policy() -> Policy:
    return TinyPolicy(hidden=32).build(TASK.tokens, seed=0)


def rows(
    options: dict[str, object], steps: int = 3, scheme: str = "intra"
) -> list[dict[str, object]]:
    sizes = {"steps": steps, "prompts": 4, "samples": 4, "heldout": 4, **options}
    trainer = LocalTrainer(
        policy=policy(), task=TASK, credit=Credit(scheme=scheme),
        settings=TrainSettings(**sizes), seed=7,
    )  # fmt: skip
    return [
        {key: value for key, value in row.items() if not key.endswith("_s")}
        for row in trainer.steps()
    ]


def test_training_is_the_same_with_and_without() -> None:
    assert rows({"overlap": True}) == rows({"overlap": False})


def test_dropping_leaves_out_only_groups_without_any_signal() -> None:
    """All-or-nothing on a policy that never succeeds: plain GRPO has nothing, tokens have."""
    (plain,) = rows({"drop_silent": True}, 1, scheme="none")
    (tokens,) = rows({"drop_silent": True}, 1)
    assert plain["groups_without_response_signal"] == 1.0
    assert plain["groups_dropped"] == 4
    assert plain["optimiser_steps"] == 0
    assert tokens["groups_without_response_signal"] == 1.0
    assert tokens["groups_dropped"] < 4
    assert tokens["grad_norm"] > 0


def test_a_batch_is_filled_up_with_further_prompts() -> None:
    (row,) = rows({"drop_silent": True, "refill_rounds": 3}, 1)
    assert row["groups_drawn"] - row["groups_dropped"] >= 4
    assert row["groups_without_signal"] == row["groups_dropped"] / row["groups_drawn"]
    assert row["rows_trained"] + row["rows_left_out"] == 8  # of each of two minibatches


def test_refilling_without_dropping_is_refused() -> None:
    with pytest.raises(UserError, match="drop_silent=true"):
        TrainSettings(refill_rounds=2)


def test_groups_keep_their_order() -> None:
    with Overlap(Scorer(), PROMPTS, SAMPLES) as overlap:
        groups = overlap.feed(reversed(list(everything())))
        overlap.finish()
    assert [type(group) for group in groups] == [Group] * len(PROMPTS)
    assert [group.rollouts[1].text for group in groups] == [
        f"amber dune {place} 1" for place in range(len(PROMPTS))
    ]
