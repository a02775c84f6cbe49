"""What a step measures: rewards by kind, where signal is missing, how tokens stand to responses.

In: tensors of one batch. Out: flat dictionaries of numbers, the same keys at every step. All are
pure functions, shared by the engines. What the clip stops is in `rtt.train.clipping`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rtt.credit.response import aggregate
from rtt.train.scoring import ScoreTensors
from rtt.types import ScoredGroup

__all__ = [
    "BINS", "relevance_metrics", "reward_metrics", "satisfied_by_kind", "signal_metrics",
    "verdict_metrics",
]  # fmt: skip

BINS = 10
"""Of the relevance histogram: bin i counts relevances in [i/10, (i+1)/10), the last one 1 too."""


def satisfied_by_kind(groups: Sequence[ScoredGroup]) -> dict[str, float]:
    """Share of scored criteria that are met, by constraint id ("judged" without one)."""
    hits: dict[str, list[bool]] = {}
    for group in groups:
        for sample in group.samples:
            for criterion, satisfied in zip(
                group.prompt.rubric.criteria, sample.satisfied, strict=True
            ):
                if (met := criterion.is_met(satisfied)) is not None:
                    hits.setdefault(criterion.constraint_id or "judged", []).append(met)
    return {kind: sum(found) / len(found) for kind, found in sorted(hits.items())}


def verdict_metrics(groups: Sequence[ScoredGroup]) -> dict[str, float]:
    """Who decided: verdicts by source, fallbacks to a judge, and what is unscored, as counts.

    A fallback is a verdict of a judge on a criterion that names a program check.
    """
    told = dict.fromkeys(("program", "judge", "fallback", "unscored"), 0.0)
    for group in groups:
        for sample in group.samples:
            for criterion, verdict in zip(
                group.prompt.rubric.criteria, sample.verdicts, strict=True
            ):
                told[verdict.source if verdict.is_scored else "unscored"] += 1
                is_judged = verdict.source == "judge" and criterion.constraint_id is not None
                told["fallback"] += is_judged
    return {f"verdicts_{name}": count for name, count in told.items()}


def reward_metrics(reward_B: Tensor, scores: ScoreTensors) -> dict[str, float]:
    """Reward, both plain rewards, what is unscored, and lengths in tokens."""
    verdict, active = scores.verdict_BR, scores.criterion_mask_BR
    scored_B = ~reward_B.isnan()
    aon_B = aggregate(verdict, "aon", criterion_mask_BR=active)[scored_B]
    csr_B = aggregate(verdict, "csr", criterion_mask_BR=active)[scored_B]
    length_B = scores.mask_BT.sum(dim=1)
    # A shorter rubric has fewer criteria than there are columns: those were never to be scored.
    criteria = active.numel() if scores.criteria_B is None else float(scores.criteria_B.sum())
    told = {
        "reward": _mean(reward_B[scored_B]),
        "all_satisfied": _mean(aon_B),
        "satisfied_rate": _mean(csr_B),
        "unscored": float((~scored_B).sum()),
        "unscored_criteria": criteria - float(active.sum()),
        "length": _mean(length_B),
        "length_p95": length_B.quantile(0.95).item() if len(length_B) else 0.0,
    }
    if scores.eos_BT is not None:
        told["truncated"] = _mean(scores.eos_BT.sum(dim=1) == 0)
    return told


def signal_metrics(
    response_B: Tensor,
    token_BT: Tensor,
    scores: ScoreTensors,
    group_size: int,
    *,
    limit: float | None = None,
) -> dict[str, float]:
    """Where signal is missing, and the size of the token part beside the response part.

    Args:
        response_B: Response advantage.
        token_BT: What token credit adds to it, weight included.
        scores: The batch.
        group_size: G.
        limit: Where the token part was clipped; None: nowhere.
    """
    mask_BT = scores.mask_BT
    no_response = (response_B == 0).unflatten(0, (-1, group_size)).all(dim=1)
    no_token = (token_BT == 0).all(dim=1).unflatten(0, (-1, group_size)).all(dim=1)
    valid = mask_BT.sum().clamp(min=1)
    response_size = ((response_B.abs().unsqueeze(1) * mask_BT).sum() / valid).item()
    token_size = ((token_BT.abs() * mask_BT).sum() / valid).item()
    told = {
        "groups_without_response_signal": _mean(no_response),
        "groups_without_token_signal": _mean(no_token),
        "groups_without_signal": _mean(no_response & no_token),
        "response_advantage_abs": response_size,
        "token_advantage_abs": token_size,
        "token_over_response": token_size / response_size if response_size else 0.0,
        "token_advantage_max": token_BT.abs().amax().item() if token_BT.numel() else 0.0,
        "token_row_sum_max": token_BT.sum(dim=1).abs().amax().item() if len(token_BT) else 0.0,
        "token_clipped": 0.0,
    }
    if limit:  # the shift after the clamp can move an entry off the limit by a little
        told["token_clipped"] = ((token_BT.abs() >= 0.99 * limit).sum() / valid).item()
    if scores.eos_BT is not None:
        eos_BT = scores.eos_BT.bool()
        told["eos_advantage"] = _mean((response_B.unsqueeze(1) + token_BT)[eos_BT])
        told["eos_token_advantage"] = _mean(token_BT[eos_BT])
    return told


def relevance_metrics(scores: ScoreTensors) -> dict[str, float]:
    """Histogram of relevances over response tokens, and the share of active (row, criterion) pairs.

    A pair is active if its relevance is not the same on every token: only then can it move credit
    between tokens.
    """
    valid = _valid(scores)
    values = scores.relevance_BRT[valid]
    counts = torch.histc(values.float(), bins=BINS, min=0.0, max=1.0)
    shares = counts / max(values.numel(), 1)
    scored = scores.criterion_mask_BR.bool()
    return {
        "relevance_active": _mean(_is_active(scores.relevance_BRT, valid)[scored]),
        "relevance_mean": _mean(values),
        **{f"relevance_bin_{i}": share for i, share in enumerate(shares.tolist())},
    }


def _valid(scores: ScoreTensors) -> Tensor:
    return scores.mask_BT.bool().unsqueeze(1) & scores.criterion_mask_BR.bool().unsqueeze(2)


def _is_active(relevance_BRT: Tensor, valid_BRT: Tensor) -> Tensor:
    if not relevance_BRT.shape[2]:
        return valid_BRT.any(dim=2)
    low = torch.where(valid_BRT, relevance_BRT, torch.inf).amin(dim=2)
    high = torch.where(valid_BRT, relevance_BRT, -torch.inf).amax(dim=2)
    return high > low


def _mean(values: Tensor) -> float:
    return values.float().mean().item() if values.numel() else 0.0
