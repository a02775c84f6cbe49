"""Settings of the verl engine, as `conf/engine/verl.yaml` chooses them, and verl's words for them.

In: sizes, placement and schedule. Out: Hydra overrides of `verl.trainer.main_ppo`; `tests/verl`
holds every key to the real configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from rtt.policy.pretrained import PretrainedPolicy
from rtt.run.overrides import override
from rtt.train.verl.recipe import RECIPE_KEY

__all__ = ["PLUGIN", "VerlEngine"]

PLUGIN = "rtt.train.verl.plugin"
"""What verl imports in each of its processes."""

_STRATEGIES = ("fsdp", "fsdp2", "megatron")
_MODES = ("sync", "colocate_async", "separate_async")
_NO_DUAL_CLIP = 1e9
"""verl cuts the loss of a negative advantage at `clip_ratio_c` (3); the paper's loss does not."""


@dataclass(kw_only=True)
class VerlEngine:
    """A run of verl on a Ray cluster; everything else of its configuration goes into `options`.

    Example:
        `VerlEngine(nodes=2, tensor_parallel=2, options={"trainer.logger": ["console", "wandb"]})`
    """

    steps: int = 500
    """Rollout batches."""
    prompts: int = 64
    """P: prompts of a rollout batch."""
    samples: int = 8
    """G: samples a prompt."""
    minibatches: int = 2
    """Optimiser steps a rollout batch."""
    learning_rate: float = 1e-6
    clip_low: float = 0.2
    clip_high: float = 0.27
    dual_clip: float | None = None
    """Where the advantage is negative, the loss is at most this times its size; null: no limit."""
    aggregation: str = "token-mean"
    """verl's `loss_agg_mode`; the paper: token-mean."""
    max_prompt_tokens: int = 2048
    """Longer prompts are left out."""
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1
    """-1: all."""
    nodes: int = 1
    gpus: int = 8
    """GPUs of each node."""
    strategy: str = "fsdp2"
    """What shards the policy: fsdp, fsdp2 or megatron."""
    rollouts: str = "vllm"
    """What samples: vllm or sglang."""
    tensor_parallel: int = 1
    """GPUs of one sampling engine."""
    rollout_memory: float = 0.5
    """Share of a GPU that the sampling engine takes."""
    tokens_at_once: int = 16_384
    """Most tokens a GPU trains in one pass."""
    mode: str = "sync"
    """sync; colocate_async or separate_async: sampling goes on while training, with policies at
    most some steps old (verl's `trainer.v1.sampler`)."""
    reward_workers: int = 8
    """Processes that score."""
    heldout: int = 128
    """Held-out prompts at most; 0: none."""
    eval_every: int = 20
    checkpoint_every: int = 20
    python: str = "python"
    """The Python of verl's environment, on every node."""
    ray_address: str = "auto"
    """Where `ray job submit` of the written command asks."""
    launch: bool = False
    """Whether to start verl here, and wait for it; false: only write what starts it."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further keys of verl's configuration with their values; they win."""

    def __post_init__(self) -> None:
        for key, options in (
            ("strategy", _STRATEGIES), ("mode", _MODES), ("rollouts", ("vllm", "sglang")),
        ):  # fmt: skip
            if (value := getattr(self, key)) not in options:
                raise UserError(
                    f"engine.{key}: expected one of {', '.join(options)}; got {value!r}"
                )
        for key in ("steps", "prompts", "samples", "minibatches", "max_prompt_tokens", "nodes",
                    "gpus", "tensor_parallel", "tokens_at_once", "reward_workers", "eval_every",
                    "checkpoint_every"):  # fmt: skip
            if getattr(self, key) < 1:
                raise UserError(
                    f"engine.{key}: expected a whole number above 0; got {getattr(self, key)!r}"
                )
        if self.heldout < 0:
            raise UserError(f"engine.heldout: expected 0 or more; got {self.heldout!r}")
        if self.samples < 2:
            raise UserError(
                "engine.samples: expected at least 2 samples a prompt, which are compared with "
                f"each other; got {self.samples}"
            )
        if self.prompts % self.minibatches:
            raise UserError(
                f"engine.prompts: expected a multiple of engine.minibatches = {self.minibatches}; "
                f"got {self.prompts}"
            )
        if (self.nodes * self.gpus) % self.tensor_parallel or self.tensor_parallel > self.gpus:
            raise UserError(
                f"engine.tensor_parallel: expected a number of GPUs that divides the {self.gpus} "
                f"of a node; got {self.tensor_parallel}"
            )
        rows, processes = self.prompts * self.samples // self.minibatches, self.nodes * self.gpus
        if self.strategy != "megatron" and rows % processes:
            raise UserError(
                f"engine: expected the {rows} rows of a minibatch (prompts * samples / "
                f"minibatches) to divide over {processes} GPUs; choose another engine.prompts or "
                "engine.minibatches"
            )

    def overrides(
        self, *, policy: PretrainedPolicy, max_tokens: int, seed: int, folder: Path
    ) -> list[str]:
        """Overrides of verl's configuration, one an element.

        Args:
            policy: What is trained.
            max_tokens: Longest response.
            seed: Of the run.
            folder: Holds `train.parquet`, `heldout.parquet` and `scoring.json`; checkpoints go
                below it.
        """
        told: dict[str, Any] = {
            **self._data(folder, max_tokens),
            **self._policy(policy),
            **self._update(max_tokens),
            **self._rollout(seed),
            **self._placement(folder),
            f"+reward.reward_kwargs.{RECIPE_KEY}": str(folder / "scoring.json"),
            # Ray hands this to every worker; a variable of the shell stays on one machine.
            "+ray_kwargs.ray_init.runtime_env.env_vars.VERL_USE_EXTERNAL_MODULES": PLUGIN,
        }
        bare = {key.lstrip("+"): key for key in told}
        for key, value in self.options.items():
            told[bare.get(key.lstrip("+"), key)] = value
        first = ["model_engine=megatron"] if self.strategy == "megatron" else []
        return first + [override(key, value) for key, value in told.items()]

    def _data(self, folder: Path, max_tokens: int) -> dict[str, Any]:
        # verl wants a file of held-out prompts in any case.
        heldout = "heldout" if self.heldout else "train"
        return {
            "data.train_files": str(folder / "train.parquet"),
            "data.val_files": str(folder / f"{heldout}.parquet"),
            "data.train_batch_size": self.prompts,
            "data.max_prompt_length": self.max_prompt_tokens,
            "data.max_response_length": max_tokens,
            "data.shuffle": False,  # the file has the order of the run's seed
            "data.filter_overlong_prompts": True,
            "data.truncation": "error",
        }

    def _policy(self, policy: PretrainedPolicy) -> dict[str, Any]:
        told: dict[str, Any] = {
            "actor_rollout_ref.model.path": policy.path,
            "actor_rollout_ref.model.enable_gradient_checkpointing": policy.gradient_checkpointing,
        }
        if policy.lora.rank and self.strategy == "megatron":
            raise UserError(
                "policy.lora.rank: expected 0 with engine.strategy=megatron, whose layers have "
                "other names; set actor_rollout_ref.model.lora.* through engine.options"
            )
        if policy.lora.rank:
            told |= {
                "actor_rollout_ref.model.lora_rank": policy.lora.rank,
                "actor_rollout_ref.model.lora_alpha": policy.lora.alpha,
                "actor_rollout_ref.model.target_modules": list(policy.lora.modules),
            }
        return told

    def _update(self, max_tokens: int) -> dict[str, Any]:
        actor = "actor_rollout_ref.actor"
        longest = self.max_prompt_tokens + max_tokens
        return {
            "algorithm.adv_estimator": "rtt",
            "algorithm.use_kl_in_reward": False,
            "critic.enable": False,
            f"{actor}.strategy": self.strategy,
            f"{actor}.optim.lr": self.learning_rate,
            f"{actor}.ppo_mini_batch_size": self.prompts // self.minibatches,
            f"{actor}.use_dynamic_bsz": True,
            f"{actor}.ppo_max_token_len_per_gpu": max(self.tokens_at_once, longest),
            f"{actor}.clip_ratio": self.clip_low,
            f"{actor}.clip_ratio_low": self.clip_low,
            f"{actor}.clip_ratio_high": self.clip_high,
            f"{actor}.clip_ratio_c": self.dual_clip or _NO_DUAL_CLIP,
            f"{actor}.loss_agg_mode": self.aggregation,
            f"{actor}.entropy_coeff": 0.0,
            f"{actor}.use_kl_loss": False,
        }

    def _rollout(self, seed: int) -> dict[str, Any]:
        rollout = "actor_rollout_ref.rollout"
        return {
            f"{rollout}.name": self.rollouts,
            f"{rollout}.n": self.samples,
            f"{rollout}.temperature": self.temperature,
            f"{rollout}.top_p": self.top_p,
            f"{rollout}.top_k": self.top_k,
            f"{rollout}.seed": seed % 2**31,
            f"{rollout}.tensor_model_parallel_size": self.tensor_parallel,
            f"{rollout}.gpu_memory_utilization": self.rollout_memory,
            f"{rollout}.calculate_log_probs": True,  # how far sampler and trainer are apart
            f"{rollout}.val_kwargs.do_sample": True,
            f"{rollout}.val_kwargs.temperature": 1.0,
            "reward.num_workers": self.reward_workers,
            "reward.reward_manager.source": "register",
            "reward.reward_manager.name": "rtt",
        }

    def _placement(self, folder: Path) -> dict[str, Any]:
        return {
            "trainer.use_v1": True,
            "trainer.v1.trainer_mode": f"rtt_{self.mode}",
            "trainer.nnodes": self.nodes,
            "trainer.n_gpus_per_node": self.gpus,
            "trainer.total_epochs": 1,
            "trainer.total_training_steps": self.steps,
            "trainer.save_freq": self.checkpoint_every,
            "trainer.test_freq": self.eval_every if self.heldout else -1,
            "trainer.val_before_train": self.heldout > 0,
            "trainer.resume_mode": "auto",
            "trainer.default_local_dir": str(folder / "checkpoints"),
            "trainer.rollout_data_dir": str(folder / "rollouts"),
            "trainer.project_name": "rtt",
            "trainer.experiment_name": folder.parent.name,
            "trainer.logger": ["console"],
        }
