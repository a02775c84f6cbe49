"""A step whose judge is asked during generation, beside one whose judge is asked after it.

Task, fixed before the first measurement: SmolLM2-135M-Instruct samples `--prompts` x `--samples`
responses of up to `--max-tokens` tokens to short requests, `--rows` of them at once (as a serving
engine with a full batch does: others wait). Each response has four soft criteria, decided by a stub
judge behind HTTP that takes a fixed time for every reply and is asked 32 at once. That time is set
once, from a rollout measured first, so that judging the whole batch takes half of the rollout time.
The same batch (same seeds) is then scored both ways, in turns, `--repeats` times.

Metrics: seconds until the batch is scored (rollout, verdicts, relevances), which is the step but
for its update, and seconds of the whole step with the update; each as the ratio overlapped / after,
with a bootstrap interval over the pairs. On a CPU the update costs far more, next to the rollout,
than on a GPU; so the first is the one to compare between machines. Nothing leaves this machine.

    python bench/rtt_overlap.py --prompts 8 --samples 4 --max-tokens 32 --rows 4 --repeats 3
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from hashlib import sha256
from statistics import median
from typing import Any

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric
from lmcommon.llm.config import OpenAIConfig
from lmcommon.testing.stub_server import StubServer
from rtt.engine.sampler import Sampler
from rtt.policy.pretrained import PretrainedPolicy
from rtt.train import Credit, LocalTrainer, TrainSettings, UpdateSettings
from rtt.train.scoring import Scorer
from rtt.verdicts import HybridVerdicts

TOPICS = ("bees", "the sea", "a train", "winter", "bread", "a lamp", "rivers", "chess")
AT_ONCE = 32


class Requests:
    """Short requests with four soft criteria each, always the same."""

    tokens: tuple[str, ...] = ()

    def __init__(self, max_tokens: int) -> None:
        self.max_tokens = max_tokens

    def prompts(self, split: str, seed: int) -> Iterator[RubricPrompt]:
        rubric = Rubric(
            tuple(Criterion(id=f"c{k}", text=f"Quality number {k} is there.") for k in range(4))
        )
        for number in range(10_000):
            topic = TOPICS[number % len(TOPICS)]
            text = f"Write one sentence about {topic}, number {number}."
            yield RubricPrompt(id=f"{split}{number}", prompt=text, rubric=rubric)


def verdict(request: Any) -> str:
    """Satisfied or not by what was asked, so that samples differ and there is an update."""
    satisfied = sha256(json.dumps(request, sort_keys=True).encode()).digest()[0] % 2 == 0
    return json.dumps({"reason": "So it is.", "satisfied": satisfied})


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("prompts", 8), ("samples", 4), ("max-tokens", 32), ("rows", 4),
                          ("repeats", 3)):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    task = Requests(options.max_tokens)
    policy = PretrainedPolicy().build()
    sampler = Sampler(policy, options.max_tokens, row_budget=options.rows)
    asked = [one for one, _ in zip(task.prompts("train", 0), range(options.prompts), strict=False)]
    sampler.sample(asked[:1], samples=options.samples, seed=0)  # warm
    begun = time.perf_counter()
    sampler.sample(asked, samples=options.samples, seed=0)
    rollout_s = time.perf_counter() - begun
    calls = options.prompts * options.samples * 4
    latency_s = 0.5 * rollout_s / (calls / AT_ONCE)
    pairs = []
    with StubServer(verdict, latency_s=latency_s) as server:
        for number in range(options.repeats):
            pair = {}
            for overlap in random.Random(number).sample([True, False], 2):
                pair[overlap] = _step(task, policy, server, options, overlap)
            pairs.append(pair)
    print(json.dumps(_figures(pairs, rollout_s=rollout_s, latency_s=latency_s, calls=calls)))


def _step(task: Requests, policy: Any, server: StubServer, options: Any, overlap: bool) -> Any:
    model = OpenAIConfig(
        model="stub", base_url=server.base_url, api_key_env=None, concurrency=AT_ONCE
    ).build()
    trainer = LocalTrainer(
        policy=policy, task=task, credit=Credit(reward="csr"), seed=0,
        scorer=Scorer(verdicts=HybridVerdicts().build(model)),
        settings=TrainSettings(
            prompts=options.prompts, samples=options.samples, heldout=1, overlap=overlap,
            row_budget=options.rows, update=UpdateSettings(learning_rate=1e-12, minibatches=1),
        ),
    )  # fmt: skip
    row = trainer.take_step()
    model.close()
    assert row["unscored"] == 0, row
    assert row["optimiser_steps"] == 1, row
    seconds = {key: row[key] for key in ("rollout_s", "verdict_s", "relevance_s", "update_s")}
    scored = seconds["rollout_s"] + seconds["verdict_s"] + seconds["relevance_s"]
    return {"scored_s": scored, "step_s": scored + seconds["update_s"], **seconds}


def _figures(pairs: list[Any], **told: float) -> dict[str, Any]:
    figures: dict[str, Any] = dict(told)
    for name in ("scored_s", "step_s"):
        ratios = [pair[True][name] / pair[False][name] for pair in pairs]
        draws = random.Random(0)
        means = sorted(sum(draws.choices(ratios, k=len(ratios))) / len(ratios) for _ in range(4000))
        figures[name.removesuffix("_s")] = {
            "ratio": sum(ratios) / len(ratios), "95": [means[100], means[-101]],
            "overlapped_s": median(pair[True][name] for pair in pairs),
            "after_s": median(pair[False][name] for pair in pairs),
        }  # fmt: skip
    figures["verdict_wait_s"] = {
        "overlapped": median(pair[True]["verdict_s"] for pair in pairs),
        "after": median(pair[False]["verdict_s"] for pair in pairs),
    }
    return figures


if __name__ == "__main__":
    main()
