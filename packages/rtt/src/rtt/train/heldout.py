"""Held-out evaluation of whichever trainer moves the policy: always with our own sampler.

In: a policy, held-out prompts, a source of verdicts. Out: evaluations whose draws are fixed by seed
and step, so that engines and baselines can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.rng import seed_for
from rtt.engine.sampler import Sampler
from rtt.policy.tiny import Policy
from rtt.train.evaluation import Evaluation, evaluate
from rtt.verdicts import VerdictSource

__all__ = ["Heldout", "refuse_sharded"]


class Heldout:
    """The held-out prompts of a run.

    Args:
        policy: As it is trained; evaluated in place.
        prompts: Held-out prompts; none: nothing is evaluated.
        source: Verdicts.
        max_tokens: Of a response.
        samples: Of each prompt.
        seed: Of the run.
    """

    def __init__(
        self, policy: Policy, prompts: Sequence[RubricPrompt], source: VerdictSource, *,
        max_tokens: int, samples: int, seed: int,
    ) -> None:  # fmt: skip
        self.prompts = list(prompts)
        self._policy, self._source = policy, source
        self._sampler = Sampler(policy, max_tokens)
        self._samples, self._seed = samples, seed

    def evaluate(self, step: int, *, samples: int | None = None) -> Evaluation | None:
        """Evaluate, and leave the model in the mode it was in; None without held-out prompts."""
        if not self.prompts:
            return None
        is_training = self._policy.model.training
        try:
            return evaluate(
                self._sampler, self.prompts, samples=samples or self._samples,
                seed=seed_for(self._seed, "evaluate", step), source=self._source,
            )  # fmt: skip
        finally:
            self._policy.model.train(is_training)

    def row(self, step: int) -> dict[str, Any]:
        """What an evaluation adds to a row of metrics; nothing without held-out prompts."""
        got = self.evaluate(step)
        if got is None:
            return {}
        return {
            "heldout_all_satisfied": got.all_satisfied,
            "heldout_satisfied_rate": got.satisfied_rate,
            "heldout_by_kind": got.by_kind,
            "heldout_unscored": got.unscored,
        }


def refuse_sharded(trainer: Any, heldout: Heldout, *, key: str) -> None:
    """One process cannot sample from weights that lie in pieces on many: it would wait for ever.

    Args:
        trainer: One of TRL's.
        heldout: What it is asked to evaluate.
        key: The setting that says how many prompts are held out.

    Raises:
        UserError: There are held-out prompts, and the weights are in pieces.
    """
    accelerator = trainer.accelerator
    plugin = getattr(accelerator.state, "deepspeed_plugin", None)
    is_sharded = trainer.is_fsdp_enabled or getattr(plugin, "zero_stage", 0) == 3
    if heldout.prompts and is_sharded and accelerator.num_processes > 1:
        raise UserError(
            f"{key}: expected 0 with FSDP or ZeRO-3, whose weights lie in pieces on all "
            f"processes; got {len(heldout.prompts)} prompts; evaluate the checkpoints below trl/ "
            "with rtt-rollout policy=pretrained policy.path=CHECKPOINT"
        )
