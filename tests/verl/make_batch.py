"""Make the batch that all engines are compared on: `python tests/verl/make_batch.py`.

verl and TRL cannot share an environment, so each side reads the same file and is held to the same
numbers. The file has 12 responses of 1 to 8 tokens, some ended by the end token, to 3 prompts with
1 to 3 criteria: verdicts by program, relevances drawn at random, one response unscored; their
log-probabilities under a policy and under an older one; and what the direct formulas (`rtt.credit`,
`rtt.loss`) make of them. Policy, prompts and draws follow from seeds, so a test makes the batch
again and compares.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor

from lmcommon.judge.types import Rubric, Verdict
from rtt.engine.text import text_with_offsets
from rtt.loss import policy_loss
from rtt.policy import Policy, TinyPolicy
from rtt.policy.logprobs import response_logprobs
from rtt.records import RolloutRecord, read_record
from rtt.relevance import RandomRelevance
from rtt.tasks import WordsTask
from rtt.train.advantage import Credit
from rtt.train.scoring import Scorer, score_tensors
from rtt.types import Group, Rollout, ScoredGroup

PATH = Path(__file__).resolve().parents[1] / "data" / "rtt" / "engine_batch.json"
G = 4
LENGTHS = ((8, 3, 5, 1), (2, 7, 6, 4), (5, 5, 8, 3))
CRITERIA = (3, 1, 2)
UNSCORED = (1, 2)
"""Group and sample that nobody could score."""
CLIPS = {"clip_low": 0.2, "clip_high": 0.27}
CREDITS = {
    "RTT-AON": Credit(), "RTT-CSR": Credit(reward="csr"), "AON": Credit(scheme="none"),
    "CSR": Credit(scheme="none", reward="csr"),
    "RTT-CSR, weight 2, clip 1": Credit(reward="csr", weight=2.0, clip=1.0),
}  # fmt: skip


def the_policy() -> Policy:
    """What the batch is trained with, the same on every machine."""
    return TinyPolicy(hidden=32).build(WordsTask().tokens, seed=11)


def scored_groups(policy: Policy) -> list[ScoredGroup]:
    """Responses of random words, and what was found out about them."""
    task, random, groups = WordsTask(), Random(6), []
    words = [policy.tokenizer.convert_tokens_to_ids(word) for word in task.words]
    prompts = islice(task.prompts("train", 4), 3)
    for prompt, count, lengths in zip(prompts, CRITERIA, LENGTHS, strict=True):
        prompt = replace(prompt, rubric=Rubric(prompt.rubric.criteria[:count]))
        rollouts = []
        for place, length in enumerate(lengths):
            ids = [random.choice(words) for _ in range(length)]
            if place % 3 == 0 and length > 1:
                ids[-1] = policy.tokenizer.eos_token_id
            text, offsets = text_with_offsets(policy.tokenizer, ids)
            rollouts.append(
                Rollout(
                    prompt_id=prompt.id, tokens=tuple(ids), logprobs=(math.nan,) * length,
                    text=text, offsets=offsets,
                    finish_reason="stop" if ids[-1] == policy.tokenizer.eos_token_id else "length",
                )
            )  # fmt: skip
        groups.append(Group(prompt=prompt, rollouts=tuple(rollouts)))
    scored = Scorer(relevance=RandomRelevance(seed=6)).score(groups)
    group, sample = UNSCORED
    samples = list(scored[group].samples)
    lost = samples[sample]
    samples[sample] = replace(
        lost,
        verdicts=tuple(Verdict.unscored("the judge did not answer") for _ in lost.verdicts),
        relevance=tuple((0.0,) * len(lost.rollout.tokens) for _ in lost.verdicts),
    )
    scored[group] = replace(scored[group], samples=tuple(samples))
    return scored


def padded(rows: Sequence[Sequence[float]], *, left: bool = False, fill: float = 0.0) -> Tensor:
    """Rows of several lengths as one tensor."""
    width = max(map(len, rows))
    return torch.tensor(
        [[fill] * (width - len(row)) * left + [*row] + [fill] * (width - len(row)) * (not left)
         for row in rows]
    )  # fmt: skip


def tokens_of(policy: Policy, groups: Sequence[ScoredGroup]) -> dict[str, Tensor]:
    """Prompts (padded on the left) and responses (on the right) with their masks."""
    samples = [(group.prompt, one) for group in groups for one in group.samples]
    asked = [policy.ask(prompt.prompt) for prompt, _ in samples]
    told = [one.rollout.tokens for _, one in samples]
    return {
        "prompt_BL": padded(asked, left=True, fill=policy.pad_id).long(),
        "prompt_mask_BL": padded([[1] * len(row) for row in asked], left=True).long(),
        "response_BT": padded(told, fill=policy.pad_id).long(),
        "mask_BT": padded([[1] * len(row) for row in told]).long(),
    }


def make() -> dict[str, Any]:
    """The batch, and what the direct formulas make of it, as JSON values."""
    policy = the_policy()
    groups = scored_groups(policy)
    tokens = tokens_of(policy, groups)
    mask_BT = tokens["mask_BT"]
    with torch.no_grad():
        logprob_BT, _ = response_logprobs(policy.model.eval(), **tokens)
    noise = torch.randn(mask_BT.shape, generator=torch.Generator().manual_seed(2))
    old_BT = torch.where(mask_BT.bool(), logprob_BT + 0.3 * noise, 0.0)
    rows = [(group, one) for group in groups for one in group.samples]
    return {
        "group_size": G,
        **CLIPS,
        "rows": [
            {
                "prompt": asdict(group.prompt),
                "scored": _plain(asdict(one)),
                "logprob": _row(logprob_BT, mask_BT, place),
                "old_logprob": _row(old_BT, mask_BT, place),
            }
            for place, (group, one) in enumerate(rows)
        ],
        "expected": {
            name: _expected(credit, groups, logprob_BT, old_BT, mask_BT)
            for name, credit in CREDITS.items()
        },
    }


def _expected(
    credit: Credit,
    groups: Sequence[ScoredGroup],
    logprob_BT: Tensor,
    old_BT: Tensor,
    mask_BT: Tensor,
) -> dict[str, Any]:
    advantage_BT, _ = credit.advantages(score_tensors(groups), G)
    loss = policy_loss(logprob_BT, old_BT, advantage_BT, mask_BT, **CLIPS)
    return {
        "credit": asdict(credit),
        "advantage": [_row(advantage_BT, mask_BT, place) for place in range(len(mask_BT))],
        "loss": loss.item(),
    }


def _row(values_BT: Tensor, mask_BT: Tensor, place: int) -> list[float]:
    told: list[float] = values_BT[place, mask_BT[place].bool()].tolist()
    return told


def _plain(scored: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: log-probabilities of the sampler are not part of the batch."""
    rollout = scored["rollout"]
    return {**scored, "rollout": {**rollout, "logprobs": [None] * len(rollout["tokens"])}}


def read() -> tuple[dict[str, Any], list[RolloutRecord]]:
    """The file, and its rows as records."""
    batch = json.loads(PATH.read_text(encoding="utf-8"))
    return batch, [record_of(row, place) for place, row in enumerate(batch["rows"])]


def record_of(row: Mapping[str, Any], place: int) -> RolloutRecord:
    """A row of the file as a record."""
    return read_record(
        {"step": 0, "group": place // G, "sample": place % G, "prompt": row["prompt"],
         "scored": row["scored"], "advantage": [], "label": ""}
    )  # fmt: skip


if __name__ == "__main__":
    PATH.write_text(json.dumps(make(), indent=1) + "\n", encoding="utf-8")
    print(PATH)
