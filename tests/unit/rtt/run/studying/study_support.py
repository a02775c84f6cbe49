"""Hand-made results of arms, without any training."""

from __future__ import annotations

from collections.abc import Sequence

from rtt.run.studying.results import ArmResult, Column


def column(hits: Sequence[float], *, count: float = 4.0) -> Column:
    """Prompts p0, p1, ... with the same count each."""
    return Column(
        prompts=tuple(f"p{place}" for place in range(len(hits))),
        hits=tuple(float(hit) for hit in hits), counts=(count,) * len(hits),
    )  # fmt: skip


def single(value: float) -> Column:
    """A figure of a whole run."""
    return Column(prompts=(), hits=(value,), counts=(1.0,))


def result(arm: str, seed: int, *, model: str = "tiny", **columns: Column) -> ArmResult:
    """Keywords name columns: `heldout_prompt` is "heldout/prompt"."""
    return ArmResult(
        model=model, arm=arm, seed=seed, training={"steps": 2},
        columns={name.replace("_", "/", 1): one for name, one in columns.items()},
    )  # fmt: skip
