"""`RTTTrainer`: TRL's `GRPOTrainer` with a per-token advantage. Thin on purpose.

What TRL does stays TRL's: sampling (transformers, vLLM), gradient accumulation, DDP, FSDP,
DeepSpeed, LoRA, loss types, importance-sampling correction, checkpoints, loggers. Added are the
advantage [B, T] in place of [B] (paper eq. 6-7), our log-probability kernel, and metrics under
`rtt/`. Decisions about a whole sequence (off-policy mask, VESPO's weight) follow the sign of the
response's advantage, never that of a token.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from rtt.loss import log_ratio
from rtt.train.clipping import CLIP_CLASSES, clip_counts
from rtt.train.scoring import Scorer
from rtt.train.trl.checks import check_prompts, check_tokenizer
from rtt.train.trl.clock import PhaseClock, TimedRelevance, TimedVerdicts
from rtt.train.trl.config import RTTConfig
from rtt.train.trl.credit import RowCredit, give_credit
from rtt.train.trl.dataset import rubric_dataset
from rtt.train.trl.installed import GRPOTrainer, gather_objects
from rtt.train.trl.kernel import add_token_kernel
from rtt.train.trl.reward import RubricReward, ScoredRow
from rtt.train.trl.rollout_file import RolloutFile, row_records

__all__ = ["RTTTrainer"]

_CLIPPED = ("grpo", "bnpo", "dr_grpo", "dapo", "luspo")
"""Loss types that clip the ratio on both sides."""


class RTTTrainer(GRPOTrainer):  # type: ignore[misc]
    """Trains a policy on prompts with rubrics, every token with its own advantage.

    Args:
        model: A `transformers` or `peft` model, a folder or a hub id.
        prompts: Prompts with rubrics, or a data set of `rubric_dataset`.
        args: Settings; `args.credit` is the credit scheme.
        scorer: Verdicts and relevances; None: program checks and the spans that decide them.
        eval_prompts: Prompts for `evaluate`, in either form.
        processing_class: The tokenizer; None: that of the model's folder.
        reward_funcs: Further reward functions of TRL, with `response_advantage="trl"`.
        chat: Whether prompts given as `RubricPrompt`s are a user's messages.
        grpo: Everything else that `trl.GRPOTrainer` takes.

    Raises:
        UserError: Settings, prompts or a tokenizer that do not fit; the message says which.
        MissingExtraError: Without `rtt-llm[trl]`.
    """

    _tag_names = ("trl", "grpo", "rtt")

    def __init__(
        self,
        model: Any,
        prompts: Sequence[RubricPrompt] | Any,
        *,
        args: RTTConfig,
        scorer: Scorer | None = None,
        eval_prompts: Sequence[RubricPrompt] | Any = None,
        processing_class: Any = None,
        reward_funcs: Sequence[Any] = (),
        chat: bool = True,
        **grpo: Any,
    ) -> None:
        if not isinstance(args, RTTConfig):
            raise UserError(f"args: expected an RTTConfig; got {type(args).__name__}")
        if reward_funcs and args.response_advantage == "rtt":
            raise UserError(
                "reward_funcs: expected none with response_advantage='rtt', which takes the reward "
                "from the rubric alone; set response_advantage='trl' to add rewards"
            )
        self._credit = args.build_credit()
        self._clock = PhaseClock(self._note)
        scorer = scorer or Scorer()
        self._reward = RubricReward(
            processing_class,
            replace(
                scorer,
                verdicts=TimedVerdicts(scorer.verdicts, self._clock),
                relevance=TimedRelevance(scorer.relevance, self._clock),
            ),
            self._credit.reward,  # type: ignore[arg-type]
            ends=(),
        )
        self._file = RolloutFile(args.rollout_file) if args.rollout_file else None
        self._is_blind = False
        super().__init__(
            model=model,
            reward_funcs=[self._reward, *reward_funcs],
            args=args,
            train_dataset=_dataset(prompts, chat=chat),
            eval_dataset=None if eval_prompts is None else _dataset(eval_prompts, chat=chat),
            processing_class=processing_class,
            **grpo,
        )
        self._reward.tokenizer, self._reward.ends = self._tokenizer, tuple(self.eos_token_ids)
        for callback in (self._clock, self._file):
            if callback is not None:
                self.add_callback(callback)
        bare = self.model.get_base_model() if hasattr(self.model, "peft_config") else self.model
        check_tokenizer(bare, self._tokenizer)
        for dataset in (self.train_dataset, self.eval_dataset):
            check_prompts(bare, self._tokenizer, dataset, args)
        if args.token_kernel == "chunked":
            for one in (bare, self.ref_model):
                if isinstance(one, PreTrainedModel):
                    add_token_kernel(one, temperature=self.temperature)

    # Hooks of GRPOTrainer; tests/contract/test_trl.py pins their names and what they are given.

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        with self._clock.phase("rollout"):
            return super()._generate(*args, **kwargs)

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        out = super()._generate_and_score_completions(inputs)
        with self._clock.phase("credit"):
            return self._with_credit(out)

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        scores = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        self._last_logprob_BT = scores[0].detach()
        return scores

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        self._response_B1 = inputs["rtt_response"].unsqueeze(1)
        loss = super()._compute_loss(model, inputs)
        self._note_clipping(inputs)
        return loss

    def get_off_policy_mask(self, advantages: Tensor, **kwargs: Any) -> Any:
        """TRL's mask of far-off sequences, decided on the response's advantage."""
        return super().get_off_policy_mask(advantages=self._response_B1, **kwargs)

    def get_gamma_weights(self, advantages: Tensor, **kwargs: Any) -> Any:
        """VESPO's weight of a sequence, decided on the response's advantage."""
        return super().get_gamma_weights(advantages=self._response_B1, **kwargs)

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """One micro-batch; a batch that nothing could score leaves the weights as they are.

        Its gradients are zero, but momentum and weight decay would move the weights all the same.
        """
        loss = super().training_step(*args, **kwargs)
        if self._is_blind and self.accelerator.sync_gradients:
            self.model.zero_grad(set_to_none=True)
        return loss

    # What is ours.

    def _with_credit(self, out: dict[str, Any]) -> dict[str, Any]:
        is_training, rows = self.model.training, self._rows(out)
        group_size = self.num_generations if is_training else self.num_generations_eval
        first = self.accelerator.process_index * len(rows)
        got = give_credit(rows, self._credit, group_size, first=first, gather=gather_objects)
        mask_BT = out["completion_mask"]
        advantage_BT = self._advantages(out["advantages"], got, mask_BT)
        for name, value in got.metrics.items():
            self._note(name, value)
        tokens, scored, ends, end_advantage = self._sums(rows, advantage_BT, mask_BT)
        self._clock.count(tokens)
        self._is_blind = is_training and not scored
        self._note("eos_advantage", end_advantage / ends if ends else math.nan)
        if self._file is not None and is_training:
            logprob_BT = out.get("sampling_per_token_logps", out.get("old_per_token_logps"))
            records = row_records(
                rows, advantage_BT, logprob_BT, first=first, group_size=group_size,
                step=self.state.global_step + 1, label=self._credit.label,
            )  # fmt: skip
            records = gather_objects(records)
            if self.accelerator.is_main_process:
                self._file.add(records)
        return out | {
            "advantages": advantage_BT,
            "rtt_response": got.response_B.to(advantage_BT),
            "rtt_relevant": _widened(got.relevant_BT, mask_BT),
        }

    def _rows(self, out: dict[str, Any]) -> list[ScoredRow]:
        """The rows just scored; with tools, which of their tokens are the policy's own."""
        if "tool_mask" not in out:
            return self._reward.rows
        return [
            replace(row, own=tuple(map(bool, own[: len(row.scored.rollout.tokens)])))
            for row, own in zip(self._reward.rows, out["tool_mask"].tolist(), strict=True)
        ]

    def _advantages(self, theirs_B: Tensor, got: RowCredit, mask_BT: Tensor) -> Tensor:
        """Response part (ours or TRL's) and token part on the tokens that are trained."""
        total_BT = _widened(got.advantage_BT, mask_BT)
        if self.args.response_advantage == "trl":
            share = 1 - self._credit.weight if self._credit.combine == "mix" else 1
            ours_B1 = share * got.response_B.to(mask_BT.device).unsqueeze(1)
            # Without token credit the bracket is exactly zero, and TRL's numbers stay as they are.
            total_BT = share * theirs_B.unsqueeze(1) + (total_BT - ours_B1)
        return total_BT * mask_BT

    def _sums(
        self, rows: Sequence[ScoredRow], advantage_BT: Tensor, mask_BT: Tensor
    ) -> tuple[float, float, float, float]:
        """Over all processes: tokens, scored rows, ended rows, and the advantages of their ends."""
        ends = [
            float(advantage_BT[place, len(row.scored.rollout.tokens) - 1])
            for place, row in enumerate(rows)
            if row.scored.rollout.finish_reason == "stop"
        ]
        scored = sum(row.scored.is_scored for row in rows)
        local = torch.tensor(
            [float(mask_BT.sum()), scored, len(ends), sum(ends)], device=mask_BT.device
        )
        tokens, scored_rows, ended, total = self.accelerator.reduce(local, "sum").tolist()
        return tokens, scored_rows, ended, total

    def _note_clipping(self, inputs: dict[str, Any]) -> None:
        """Shares of clipped tokens, and how far the policy has moved from the sampling one."""
        mask_BT = inputs["completion_mask"] * inputs.get("tool_mask", 1)
        new_BT = self._last_logprob_BT
        change_BT = log_ratio(
            new_BT, inputs.get("old_per_token_logps", new_BT), mask_BT.bool(),
            importance=self.importance_sampling_level,
        )  # fmt: skip
        counts = clip_counts(
            change_BT, inputs["advantages"], inputs["rtt_relevant"], mask_BT,
            clip_low=self.epsilon_low, clip_high=self.epsilon_high,
        )  # fmt: skip
        moved = torch.stack([(torch.expm1(change_BT) - change_BT).sum(), mask_BT.sum().float()])
        sums = self.accelerator.reduce(torch.cat([counts, moved.unsqueeze(0)]), "sum")
        shares = (sums[:, 0] / sums[:, 1]).tolist()
        self._note("approx_kl", shares.pop())
        if self.loss_type in _CLIPPED:
            for name, share in zip(CLIP_CLASSES, shares, strict=True):
                self._note(f"clip/{name}", share)

    def _note(self, name: str, value: float) -> None:
        """Add to TRL's metrics, which average over a logging step and leave NaN out."""
        self._metrics["train" if self.model.training else "eval"][f"rtt/{name}"].append(value)


def _widened(values_BT: Tensor, like_BT: Tensor) -> Tensor:
    """Pad with zeros on the right to the width (and device) of another tensor."""
    wide_BT = torch.zeros(like_BT.shape, dtype=values_BT.dtype, device=like_BT.device)
    wide_BT[:, : values_BT.shape[1]] = values_BT.to(like_BT.device)
    return wide_BT


def _dataset(prompts: Sequence[RubricPrompt] | Any, *, chat: bool) -> Any:
    is_list = isinstance(prompts, (list, tuple))
    return rubric_dataset(prompts, chat=chat) if is_list else prompts
