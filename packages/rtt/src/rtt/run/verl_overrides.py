"""The settings of the verl engine in verl's words.

In: `VerlEngine`, policy and run folder. Out: Hydra overrides of `verl.trainer.main_ppo`, whose keys
`tests/verl` holds to the real configuration.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from rtt.policy.pretrained import PretrainedPolicy
from rtt.run.overrides import override
from rtt.run.verl_engine import VerlEngine
from rtt.train.verl.recipe import RECIPE_KEY

__all__ = ["PLUGIN", "verl_overrides"]

PLUGIN = "rtt.train.verl.plugin"
"""What verl imports in each of its processes."""

_NO_DUAL_CLIP = 1e9
"""verl cuts the loss of a negative advantage at `clip_ratio_c` (3); the paper's loss does not."""


def verl_overrides(
    engine: VerlEngine, *, policy: PretrainedPolicy, max_tokens: int, seed: int, folder: Path
) -> list[str]:
    """Overrides of verl's configuration, one an element.

    Args:
        engine: Sizes, placement and schedule.
        policy: What is trained.
        max_tokens: Longest response.
        seed: Of the run.
        folder: Holds `train.parquet`, `heldout.parquet` and `scoring.json`; checkpoints go
            below it.
    """
    told: dict[str, Any] = {
        **_data(engine, folder, max_tokens),
        **_policy(engine, policy),
        **_update(engine, max_tokens),
        **_rollout(engine, seed),
        **_placement(engine, folder),
        f"+reward.reward_kwargs.{RECIPE_KEY}": str(folder / "scoring.json"),
        # Ray hands this to every worker; a variable of the shell stays on one machine.
        "+ray_kwargs.ray_init.runtime_env.env_vars.VERL_USE_EXTERNAL_MODULES": PLUGIN,
    }
    bare = {key.lstrip("+"): key for key in told}
    for key, value in engine.options.items():
        told[bare.get(key.lstrip("+"), key)] = value
    first = ["model_engine=megatron"] if engine.strategy == "megatron" else []
    return first + [override(key, value) for key, value in told.items()]


def _data(engine: VerlEngine, folder: Path, max_tokens: int) -> dict[str, Any]:
    # verl wants a file of held-out prompts in any case.
    heldout = "heldout" if engine.heldout else "train"
    return {
        "data.train_files": str(folder / "train.parquet"),
        "data.val_files": str(folder / f"{heldout}.parquet"),
        "data.train_batch_size": engine.prompts,
        "data.max_prompt_length": engine.max_prompt_tokens,
        "data.max_response_length": max_tokens,
        "data.shuffle": False,  # the file has the order of the run's seed
        "data.filter_overlong_prompts": True,
        "data.truncation": "error",
    }


def _policy(engine: VerlEngine, policy: PretrainedPolicy) -> dict[str, Any]:
    told: dict[str, Any] = {
        "actor_rollout_ref.model.path": policy.path,
        "actor_rollout_ref.model.enable_gradient_checkpointing": policy.gradient_checkpointing,
    }
    if policy.lora.rank and engine.strategy == "megatron":
        raise UserError(
            "policy.lora.rank: expected 0 with engine.strategy=megatron, whose layers have "
            "other names; set actor_rollout_ref.model.lora.* through engine.options"
        )
    if policy.lora.rank and policy.lora.dropout:
        raise UserError(
            "policy.lora.dropout: expected 0 with engine=verl, whose adapters have none; got "
            f"{policy.lora.dropout}"
        )
    if policy.lora.rank:
        told |= {
            "actor_rollout_ref.model.lora_rank": policy.lora.rank,
            "actor_rollout_ref.model.lora_alpha": policy.lora.alpha,
            "actor_rollout_ref.model.target_modules": list(policy.lora.modules),
        }
    return told


def _update(engine: VerlEngine, max_tokens: int) -> dict[str, Any]:
    actor = "actor_rollout_ref.actor"
    longest = engine.max_prompt_tokens + max_tokens
    return {
        "algorithm.adv_estimator": "rtt",
        "algorithm.use_kl_in_reward": False,
        "critic.enable": False,
        f"{actor}.strategy": engine.strategy,
        f"{actor}.optim.lr": engine.learning_rate,
        f"{actor}.optim.lr_warmup_steps": engine.warmup,
        f"{actor}.optim.weight_decay": engine.weight_decay,
        f"{actor}.optim.clip_grad": engine.grad_clip,
        f"{actor}.ppo_mini_batch_size": engine.prompts // engine.minibatches,
        f"{actor}.use_dynamic_bsz": True,
        f"{actor}.ppo_max_token_len_per_gpu": max(engine.tokens_at_once, longest),
        f"{actor}.clip_ratio": engine.clip_low,
        f"{actor}.clip_ratio_low": engine.clip_low,
        f"{actor}.clip_ratio_high": engine.clip_high,
        f"{actor}.clip_ratio_c": engine.dual_clip or _NO_DUAL_CLIP,
        f"{actor}.loss_agg_mode": engine.aggregation,
        f"{actor}.entropy_coeff": 0.0,
        f"{actor}.use_kl_loss": False,
    }


def _rollout(engine: VerlEngine, seed: int) -> dict[str, Any]:
    rollout = "actor_rollout_ref.rollout"
    return {
        f"{rollout}.name": engine.rollouts,
        f"{rollout}.n": engine.samples,
        f"{rollout}.temperature": engine.temperature,
        f"{rollout}.top_p": engine.top_p,
        f"{rollout}.top_k": engine.top_k,
        f"{rollout}.seed": seed % 2**31,
        f"{rollout}.tensor_model_parallel_size": engine.tensor_parallel,
        f"{rollout}.gpu_memory_utilization": engine.rollout_memory,
        f"{rollout}.calculate_log_probs": True,  # how far sampler and trainer are apart
        f"{rollout}.val_kwargs.do_sample": True,
        f"{rollout}.val_kwargs.temperature": 1.0,
        "reward.num_workers": engine.reward_workers,
        "reward.reward_manager.source": "register",
        "reward.reward_manager.name": "rtt",
    }


def _placement(engine: VerlEngine, folder: Path) -> dict[str, Any]:
    return {
        "trainer.use_v1": True,
        "trainer.v1.trainer_mode": f"rtt_{engine.mode}",
        "trainer.nnodes": engine.nodes,
        "trainer.n_gpus_per_node": engine.gpus,
        # Prompts that are too long are left out of the file; then its first ones come again.
        "trainer.total_epochs": 2,
        "trainer.total_training_steps": engine.steps,
        "trainer.save_freq": engine.checkpoint_every,
        "trainer.test_freq": engine.eval_every if engine.heldout else -1,
        "trainer.val_before_train": engine.heldout > 0,
        "trainer.resume_mode": "auto",
        "trainer.default_local_dir": str(folder / "checkpoints"),
        "trainer.rollout_data_dir": str(folder / "rollouts"),
        "trainer.project_name": "rtt",
        "trainer.experiment_name": folder.parent.name,
        "trainer.logger": ["console"],
    }
