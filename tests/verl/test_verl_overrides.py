"""What `engine=verl` writes is understood by the real verl: keys exist, the whole is valid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from lmcommon.extras import is_available
from rtt.policy.pretrained import LoraSettings, PretrainedPolicy
from rtt.run.verl_engine import VerlEngine
from rtt.run.verl_overrides import PLUGIN, verl_overrides
from rtt.train.verl.recipe import RECIPE_KEY

pytestmark = [
    pytest.mark.verl,
    pytest.mark.skipif(not is_available("verl"), reason="needs the real verl: nox -s verl"),
]

POLICY = PretrainedPolicy(path="Qwen/Qwen3-4B-Instruct-2507", gradient_checkpointing=True)


def composed(
    engine: VerlEngine, folder: Path, *, policy: PretrainedPolicy = POLICY, max_tokens: int = 4096
) -> Any:
    import verl.trainer

    overrides = verl_overrides(engine, policy=policy, max_tokens=max_tokens, seed=7, folder=folder)
    config = Path(next(iter(verl.trainer.__path__))) / "config"
    with initialize_config_dir(str(config), version_base=None):
        return compose("ppo_trainer", overrides=overrides)


ENGINES = {
    "one node": VerlEngine(),
    "two nodes, fsdp": VerlEngine(nodes=2, strategy="fsdp", tensor_parallel=2),
    "megatron": VerlEngine(
        nodes=2, strategy="megatron", tensor_parallel=4,
        options={"actor_rollout_ref.actor.megatron.tensor_model_parallel_size": 2},
    ),
    "async": VerlEngine(mode="colocate_async"),
    "separate": VerlEngine(
        mode="separate_async", rollouts="sglang",
        options={
            "trainer.v1.sampler.max_off_policy_threshold": 2,
            "trainer.logger": ["console", "wandb"],
            "algorithm.rollout_correction.rollout_is": "token",
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENGINES)
def test_every_key_exists_and_verl_finds_the_whole_valid(name: str, tmp_path: Path) -> None:
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    config = composed(ENGINES[name], tmp_path)
    assert not need_critic(config)
    assert not need_reference_policy(config)
    validate_config(config, use_reference_policy=False, use_critic=False)
    resolved = OmegaConf.to_container(config, resolve=True)
    assert resolved["actor_rollout_ref"]["rollout"]["n"] == 8
    assert resolved["actor_rollout_ref"]["rollout"]["prompt_length"] == 2048
    assert resolved["actor_rollout_ref"]["ref"]["strategy"] == ENGINES[name].strategy


def test_the_recipe_of_the_cluster_is_valid(tmp_path: Path) -> None:
    from verl.utils.config import validate_config

    from lmcommon.app import compose as compose_ours
    from rtt.run.train import main

    ours = compose_ours(
        main.name, main.schema, main.groups, ["experiment=rtt/verl_cluster_qwen3_4b"]
    )
    config = composed(ours.engine, tmp_path, policy=ours.policy, max_tokens=ours.task.max_tokens)
    validate_config(config, use_reference_policy=False, use_critic=False)
    assert config.trainer.nnodes * config.trainer.n_gpus_per_node == 16
    assert config.data.train_batch_size * config.actor_rollout_ref.rollout.n == 512


def test_the_loss_is_the_papers(tmp_path: Path) -> None:
    from verl.utils.config import omega_conf_to_dataclass

    actor = omega_conf_to_dataclass(composed(VerlEngine(), tmp_path).actor_rollout_ref.actor)
    assert (actor.clip_ratio_low, actor.clip_ratio_high) == (0.2, 0.27)
    assert actor.loss_agg_mode == "token-mean"
    assert actor.policy_loss.loss_mode == "vanilla"
    assert actor.clip_ratio_c > 20**2, "no cut of negative advantages"
    assert actor.entropy_coeff == 0
    assert (actor.optim.lr, actor.optim.weight_decay, actor.optim.clip_grad) == (1e-6, 0.0, 1.0)
    assert not actor.use_kl_loss


def test_lora_reaches_the_model(tmp_path: Path) -> None:
    policy = replace(POLICY, lora=LoraSettings(rank=32, alpha=64))
    model = composed(VerlEngine(), tmp_path, policy=policy).actor_rollout_ref.model
    assert (model.lora_rank, model.lora_alpha) == (32, 64)
    assert list(model.target_modules) == policy.lora.modules


def test_options_win_over_what_the_engine_says(tmp_path: Path) -> None:
    engine = VerlEngine(
        options={"algorithm.adv_estimator": "grpo", "reward.reward_kwargs.rtt_recipe": "/x.json",
                 "+actor_rollout_ref.rollout.engine_kwargs.vllm.seed": 3}
    )  # fmt: skip
    config = composed(engine, tmp_path)
    assert config.algorithm.adv_estimator == "grpo"
    assert config.reward.reward_kwargs.rtt_recipe == "/x.json"
    assert config.actor_rollout_ref.rollout.engine_kwargs.vllm.seed == 3


def test_a_path_with_blanks_and_signs_arrives(tmp_path: Path) -> None:
    folder = tmp_path / "a b, c=d {e} 'f'"
    config = composed(VerlEngine(), folder)
    assert config.data.train_files == str(folder / "train.parquet")
    assert config.reward.reward_kwargs[RECIPE_KEY] == str(folder / "scoring.json")


def test_the_plug_in_registers_every_name_that_is_asked_for(tmp_path: Path) -> None:
    import importlib

    from verl.experimental.reward_loop.reward_manager import get_reward_manager_cls
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn
    from verl.trainer.ppo.v1 import get_trainer_cls

    importlib.import_module(PLUGIN)
    for engine in ENGINES.values():
        config = composed(engine, tmp_path)
        assert get_adv_estimator_fn(config.algorithm.adv_estimator)
        assert get_reward_manager_cls(config.reward.reward_manager.name)
        assert get_trainer_cls(config.trainer.v1.trainer_mode)
        variables = config.ray_kwargs.ray_init.runtime_env.env_vars
        assert variables.VERL_USE_EXTERNAL_MODULES == PLUGIN
