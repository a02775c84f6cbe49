"""What the tests of the TRL engine share: a policy of one token a word, prompts, fixed rollouts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import torch

from lmcommon.data.types import RubricPrompt
from lmcommon.rng import random_for
from rtt.policy import Policy, TinyPolicy
from rtt.tasks import WordsTask
from rtt.train.scoring import Scorer
from rtt.train.trl import RTTConfig, RTTTrainer
from rtt.train.trl.dataset import rubric_dataset
from rtt.train.trl.installed import GRPOTrainer
from rtt.train.trl.reward import RubricReward

TASK = WordsTask()


def words_policy(seed: int = 0, **settings: Any) -> Policy:
    return TinyPolicy(**{"hidden": 32, **settings}).build(TASK.tokens, seed=seed)


def words_prompts(count: int = 8) -> list[RubricPrompt]:
    return list(islice(TASK.prompts("train", seed=5), count))


def config(folder: Path, **changed: Any) -> RTTConfig:
    return RTTConfig(
        **{
            "output_dir": str(folder), "use_cpu": True, "bf16": False, "seed": 3,
            "gradient_checkpointing": False, "report_to": [], "disable_tqdm": True,
            "logging_steps": 1, "save_strategy": "no", "max_steps": 2, "learning_rate": 1e-3,
            "per_device_train_batch_size": 8, "num_generations": 4, "max_completion_length": 8,
            "lr_scheduler_type": "constant",
            "credit": {"reward": "csr"},
            **changed,
        }
    )  # fmt: skip


def rtt_trainer(folder: Path, *, kind: type = RTTTrainer, policy: Policy | None = None,
                prompts: Any = None, args: RTTConfig | None = None, changed: Any = None,
                **more: Any) -> Any:  # fmt: skip
    policy = policy or words_policy()
    return kind(
        policy.model,
        words_prompts() if prompts is None else prompts,
        args=args or config(folder, **(changed or {})),
        processing_class=policy.tokenizer,
        chat=False,
        **more,
    )


def grpo_trainer(folder: Path, *, changed: Any = None, **more: Any) -> Any:
    """Plain TRL, with the same reward."""
    policy, args = words_policy(), config(folder, **(changed or {}))
    reward = RubricReward(policy.tokenizer, Scorer(), args.build_credit())
    return GRPOTrainer(
        policy.model,
        [reward],
        args=args,
        train_dataset=rubric_dataset(words_prompts(), chat=False),
        processing_class=policy.tokenizer,
        **more,
    )


def trained(trainer: Any) -> Any:
    """The trainer after its run."""
    trainer.train()
    return trainer


def fixed_rollouts(prompts: Sequence[str], trainer: Any) -> dict[str, Any]:
    """Responses that depend on the step and on the row's number in the batch of all processes."""
    tokenizer = trainer.processing_class
    first = trainer.accelerator.process_index * len(prompts)
    responses, logprobs = [], []
    for row in range(first, first + len(prompts)):
        random = random_for(1, "rollout", trainer.state.global_step, row)
        responses.append(response(tokenizer, random))
        logprobs.append([-random.uniform(0.5, 4.0) for _ in responses[-1]])
    return {
        "prompt_ids": tokenizer(list(prompts))["input_ids"],
        "completion_ids": responses,
        "logprobs": logprobs,
    }


def response(tokenizer: Any, random: Random, *, longest: int = 8) -> list[int]:
    words = [tokenizer.convert_tokens_to_ids(word) for word in TASK.words]
    ids = [random.choice(words) for _ in range(random.randint(2, longest))]
    return [*ids[:-1], tokenizer.eos_token_id] if random.random() < 0.5 else ids


def parameters(trainer: Any) -> torch.Tensor:
    """All weights in one row."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    return torch.cat([one.detach().flatten() for one in model.parameters()])


def history(trainer: Any, *names: str) -> list[list[float]]:
    """The named metrics of each logged step."""
    return [[row[name] for name in names] for row in trainer.state.log_history if "loss" in row]


def timeless(row: dict[str, Any]) -> dict[str, Any]:
    """A row of metrics without what the clock says."""
    times = ("_s", "time", "per_second", "flos")
    return {key: one for key, one in row.items() if not any(word in key for word in times)}


def loss_and_gradient(trainer: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss of one micro-batch and its gradient with respect to all weights."""
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    trainer.model.zero_grad()
    loss = trainer._compute_loss(trainer.model, inputs)
    loss.backward()
    gradient = [one.grad.flatten() for one in trainer.model.parameters() if one.grad is not None]
    return loss.detach(), torch.cat(gradient)


def batch(trainer: Any) -> dict[str, Any]:
    """One generation batch of the trainer, scored, before it is shuffled."""
    trainer.model.train()
    rows = [row for row in trainer.train_dataset for _ in range(trainer.num_generations)]
    count = trainer.args.per_device_train_batch_size * trainer.args.steps_per_generation
    out: dict[str, Any] = trainer._generate_and_score_completions(
        [dict(row) for row in rows[:count]]
    )
    return out
