"""`RTTTrainer`: TRL's `GRPOTrainer` with a per-token advantage. Thin on purpose.

What TRL does stays TRL's: sampling (transformers, vLLM), gradient accumulation, DDP, FSDP,
DeepSpeed, LoRA, loss types, importance-sampling correction, checkpoints, loggers. Added are the
advantage [B, T] in place of [B] (paper eq. 6-7), our log-probability kernel, and metrics under
`rtt/`. Decisions about a whole sequence (off-policy mask, VESPO's weight) follow the sign of the
response's advantage, never that of a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from rtt.train.scoring import Scorer
from rtt.train.trl.checks import check_prompts, check_tokenizer
from rtt.train.trl.clock import PhaseClock
from rtt.train.trl.config import RTTConfig
from rtt.train.trl.credit import RowCredit, give_credit
from rtt.train.trl.dataset import as_dataset
from rtt.train.trl.installed import GRPOTrainer, gather_objects
from rtt.train.trl.kernel import add_token_kernel
from rtt.train.trl.measure import batch_totals, policy_metrics
from rtt.train.trl.order import EpochOrder
from rtt.train.trl.resume import load_pending, save_pending
from rtt.train.trl.reward import RubricReward, ScoredRow
from rtt.train.trl.rollout_file import RolloutFile, row_records
from rtt.train.trl.vllm import reporting_lost_engine, start_rollouts, vllm_below

__all__ = ["RTTTrainer"]


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
        self._reward = RubricReward(
            processing_class,
            scorer or Scorer(),
            self._credit,
            ends=(),
        )
        self._file = RolloutFile(args.rollout_file) if args.rollout_file else None
        self._is_blind = False
        self.share: dict[str, float] = {}
        """Of the last generation batch, what this process sampled: tokens, verdicts that failed."""

        def made(given: Sequence[RubricPrompt] | Any) -> Any:
            return as_dataset(given, model, processing_class, chat=chat)

        with vllm_below(args, model):
            super().__init__(
                model=model,
                reward_funcs=[self._reward, *reward_funcs],
                args=args,
                train_dataset=made(prompts),
                eval_dataset=None if eval_prompts is None else made(eval_prompts),
                processing_class=processing_class,
                **grpo,
            )
        start_rollouts(self, self._clock)
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

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> Any:
        sampler = super()._get_train_sampler(*args, **kwargs)
        if not self.shuffle_dataset:
            return sampler
        return EpochOrder(sampler, seed=self.args.seed, epoch=lambda: self.state.epoch)

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        with self._clock.phase("rollout_s"):
            return super()._generate(*args, **kwargs)

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        with reporting_lost_engine(self):
            return super()._generate_single_turn(*args, **kwargs)

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        out = super()._generate_and_score_completions(inputs)
        self._clock.add(self._reward.seconds)
        with self._clock.phase("credit_s"):
            return self._with_credit(out)

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        scores = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        self._last_logprob_BT = scores[0].detach()
        return scores

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        self._response_B1 = inputs["rtt_response"].unsqueeze(1)
        loss = super()._compute_loss(model, inputs)
        for name, value in policy_metrics(
            self.accelerator, inputs, self._last_logprob_BT, loss_type=self.loss_type,
            importance=self.importance_sampling_level, clip_low=self.epsilon_low,
            clip_high=self.epsilon_high,
        ).items():  # fmt: skip
            self._note(name, value)
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

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
        pending = {"step": self._step, "batches": self._buffered_inputs, "is_blind": self._is_blind}
        if self._step % (self.args.steps_per_generation * self.num_iterations) == 0:
            pending["batches"] = None  # used up
        save_pending(folder, self.accelerator.process_index, pending)
        super()._save_checkpoint(model, trial)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        accelerator = self.accelerator
        pending = checkpoint and load_pending(
            Path(checkpoint), accelerator.process_index, accelerator.device
        )
        if pending:
            self._step, self._is_blind = pending["step"], pending["is_blind"]
            self._buffered_inputs = pending["batches"]

    # What is ours.

    def _with_credit(self, out: dict[str, Any]) -> dict[str, Any]:
        is_training, rows = self.model.training, self._rows(out)
        group_size = self.num_generations if is_training else self.num_generations_eval
        first = self.accelerator.process_index * len(rows)
        got = give_credit(
            rows, self._credit, group_size, first=first, gather=gather_objects,
            step=self.state.global_step,
        )  # fmt: skip
        mask_BT = out["completion_mask"]
        advantage_BT = self._advantages(out["advantages"], got, mask_BT)
        tokens, scored_rows = batch_totals(self.accelerator, rows, mask_BT)
        self._clock.count(tokens)
        self.share = {
            "tokens": sum(len(row.scored.rollout.tokens) for row in rows),
            "unscored_criteria": sum(
                not one.is_scored for row in rows for one in row.scored.verdicts
            ),
        }
        self._is_blind = is_training and not scored_rows
        for name, value in got.metrics.items():
            self._note(name, value)
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

    def _note(self, name: str, value: float) -> None:
        """Add to TRL's metrics, which average over a logging step and leave NaN out."""
        self._metrics["train" if self.model.training else "eval"][f"rtt/{name}"].append(value)


def _widened(values_BT: Tensor, like_BT: Tensor) -> Tensor:
    """Pad with zeros on the right to the width (and device) of another tensor."""
    wide_BT = torch.zeros(like_BT.shape, dtype=values_BT.dtype, device=like_BT.device)
    wide_BT[:, : values_BT.shape[1]] = values_BT.to(like_BT.device)
    return wide_BT
