"""Rollouts by transformers and by vLLM, and whether what samples follows what is trained.

Task, fixed before the first measurement: SmolLM2-135M-Instruct answers `--prompts` short requests,
`--samples` times each, up to `--max-tokens` tokens at temperature 1, float32, on this machine's
processor. Both engines get the same prompts, in turns, `--repeats` times; the first call of each
is not counted. Then every weight is moved by noise of `--size` of its deviation, `--updates` times,
and after each the engine's log-probabilities are compared with the policy's own.

Metrics: tokens per second of each engine and the ratio vLLM / transformers; the largest absolute
difference of a log-probability after each update; whether greedy text is the policy's. Needs the
environment of `nox -s vllm`. Prints one JSON object.

    python bench/rtt_rollouts.py --prompts 8 --samples 4 --max-tokens 48 --repeats 3
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Rubric
from rtt.engine.sampler import Sampler
from rtt.engine.vllm import VllmRollouts
from rtt.engine.weights import policy_weights
from rtt.policy.pretrained import PretrainedPolicy

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "contract"))
from engine_support import GREEDY, disturb, largest_gap

TOPICS = ("bees", "the sea", "a train", "winter", "bread", "a lamp", "rivers", "chess")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    for name, default in (("prompts", 8), ("samples", 4), ("max-tokens", 48), ("repeats", 3),
                          ("updates", 4)):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--size", type=float, default=0.05)
    options = parser.parse_args()
    torch.set_num_threads(1)
    policy = PretrainedPolicy().build()
    asked = [
        RubricPrompt(
            id=str(number), prompt=f"Write about {TOPICS[number % len(TOPICS)]}.", rubric=Rubric(())
        )
        for number in range(options.prompts)
    ]
    engines: dict[str, Any] = {
        "transformers": Sampler(policy, options.max_tokens),
        "vllm": VllmRollouts(policy, options.max_tokens),
    }
    speeds: dict[str, list[float]] = {name: [] for name in engines}
    for repeat in range(options.repeats + 1):
        for name, engine in engines.items():
            begun = time.perf_counter()
            groups = engine.sample(asked, samples=options.samples, seed=repeat)
            took = time.perf_counter() - begun
            if repeat:
                tokens = sum(len(one.tokens) for group in groups for one in group.rollouts)
                speeds[name].append(tokens / took)
    updates = []
    vllm = engines["vllm"]
    for version in range(1, options.updates + 1):
        disturb(policy, seed=version, size=options.size)
        begun = time.perf_counter()
        vllm.update(policy_weights(policy), version=version)
        took = time.perf_counter() - begun
        groups = vllm.sample(asked[:3], samples=2, seed=version)
        greedy, own = (
            engine.sample(asked[:3], samples=1, seed=0, sampling=GREEDY)
            for engine in (vllm, engines["transformers"])
        )
        updates.append(
            {
                "largest_gap": largest_gap(policy, groups),
                "greedy_is_the_policys": [one.rollouts[0].tokens for one in greedy]
                == [one.rollouts[0].tokens for one in own],
                "update_s": took,
            }
        )
    vllm.close()
    middle = {name: median(values) for name, values in speeds.items()}
    ratios = [b / a for a, b in zip(speeds["transformers"], speeds["vllm"], strict=True)]
    told = {"tokens_per_s": middle, "ratio": median(ratios), "ratios": ratios, "updates": updates}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
