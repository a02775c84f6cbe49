"""What rtt-plan computes: parameters, rows, bytes, commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.errors import UserError
from rtt.policy.pretrained import LoraSettings, PretrainedPolicy
from rtt.policy.tiny import TinyPolicy
from rtt.run.launching import Launch
from rtt.run.planning.batches import BatchPlan
from rtt.run.planning.memory import cache_room, training_memory
from rtt.run.planning.shapes import KNOWN, ModelShape, policy_shape
from rtt.run.planning.text import size

PARAMETERS = {
    "Qwen/Qwen3-4B-Instruct-2507": 4_022_468_096,
    "Qwen/Qwen2.5-7B-Instruct": 7_615_616_512,
    "Qwen/Qwen2.5-0.5B-Instruct": 494_032_768,
    "meta-llama/Llama-3.2-3B-Instruct": 3_212_749_824,
}


def shape_of(policy: PretrainedPolicy) -> ModelShape:
    shape = policy_shape(policy)
    assert shape is not None
    return shape


def batch(**changed: object) -> BatchPlan:
    told: dict[str, object] = {
        "prompts": 64, "samples": 8, "updates": 2, "processes": 4, "rows_at_once": 4,
        "token_budget": None, "passes": 16, "batches": 500, "steps": 1000,
        "response_tokens": 4096, "prompt_tokens": 2048, "evaluations": 0, "heldout": 0,
        "eval_samples": 1, "checkpoints": 25, **changed,
    }  # fmt: skip
    return BatchPlan(**told)  # type: ignore[arg-type]


SMALL = ModelShape(
    name="m", parameters=1000, trainable=1000, layer_parameters=100, layers=4, hidden=10,
    intermediate=30, query_size=10, kv_size=5, vocabulary=50, is_tied=True, context=None,
)  # fmt: skip


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_those_that_the_models_have(name: str) -> None:
    assert set(PARAMETERS) == set(KNOWN)
    shape = shape_of(PretrainedPolicy(path=name))
    assert shape.parameters == shape.trainable == PARAMETERS[name]


def test_a_token_of_cache_is_keys_and_values_of_every_layer() -> None:
    assert shape_of(PretrainedPolicy(path="Qwen/Qwen2.5-0.5B-Instruct")).cache_bytes == 12_288


def test_adapters_have_rank_times_inputs_and_outputs() -> None:
    lora = LoraSettings(rank=8, modules=["q_proj", "k_proj"])
    shape = shape_of(PretrainedPolicy(path="Qwen/Qwen2.5-0.5B-Instruct", lora=lora))
    assert shape.trainable == 24 * 8 * ((896 + 896) + (896 + 128))


def test_a_tiny_policy_is_counted_as_it_is_built() -> None:
    words = ("amber", "dune")
    shape = policy_shape(TinyPolicy(hidden=32), words)
    assert shape is not None
    model = TinyPolicy(hidden=32).build(words).model
    assert shape.parameters == sum(one.numel() for one in model.parameters())


def test_a_model_that_is_nowhere_has_no_shape() -> None:
    assert policy_shape(PretrainedPolicy(path="someone/some-model-that-is-not-cached")) is None


def test_fsdp_divides_what_it_shards() -> None:
    policy = PretrainedPolicy(dtype="mixed", gradient_checkpointing=True)
    launch = Launch(gpus=8, rollout_gpus=4, file="fsdp2")
    sizes = {
        part.name: part.size
        for part in training_memory(SMALL, batch(), policy, launch, {"use_vllm": True,
                                                                     "vllm_mode": "server"})
    }  # fmt: skip
    assert sizes["weights"] == 4 * 1000 / 4
    assert sizes["gradients"] == 4 * 1000 / 4
    assert sizes["optimiser"] == 8 * 1000 / 4
    assert sizes["copies"] == 2 * (2 * 100 + 50 * 10)


def test_zero_2_keeps_whole_weights() -> None:
    launch = Launch(gpus=8, file="zero2")
    parts = training_memory(SMALL, batch(processes=8), PretrainedPolicy(dtype="mixed"), launch, {})
    sizes = {part.name: part.size for part in parts}
    assert (sizes["weights"], sizes["optimiser"]) == (4 * 1000, 8 * 1000 / 8)


def test_the_naive_logits_are_told_and_not_counted() -> None:
    parts = {
        part.name: part
        for part in training_memory(SMALL, batch(), PretrainedPolicy(), Launch(gpus=4), {})
    }
    naive = parts["logits, naive"]
    assert naive.size == 2 * 4 * 4 * 4096 * 50
    assert not naive.is_counted


def test_what_vllm_has_left_goes_to_keys_and_values() -> None:
    launch = Launch(gpus=8, rollout_gpus=4, file="fsdp2", gpu_memory_gb=80)
    options = {"use_vllm": True, "vllm_mode": "server"}
    shape = shape_of(PretrainedPolicy(path="Qwen/Qwen3-4B-Instruct-2507"))
    room = cache_room(shape, batch(), launch, options)
    assert room is not None
    assert room.size == pytest.approx(4 * 0.9 * 80e9 - 2 * PARAMETERS[shape.name])
    assert room.tokens == int(room.size // (2 * 2 * 36 * 8 * 128))
    assert room.responses == room.tokens // 6144


@given(
    nodes=st.integers(1, 4), gpus=st.integers(1, 16), rollout=st.integers(0, 63),
)  # fmt: skip
def test_gpus_train_or_serve(nodes: int, gpus: int, rollout: int) -> None:
    if rollout and rollout >= nodes * gpus:
        with pytest.raises(UserError, match=r"launch\.rollout_gpus"):
            Launch(nodes=nodes, gpus=gpus, rollout_gpus=rollout)
        return
    if rollout and nodes > 1 and rollout != gpus:
        with pytest.raises(UserError, match="one of them serves"):
            Launch(nodes=nodes, gpus=gpus, rollout_gpus=rollout)
        return
    launch = Launch(nodes=nodes, gpus=gpus, rollout_gpus=rollout)
    assert launch.training_nodes * gpus == launch.training_gpus + (rollout if nodes == 1 else 0)
    assert launch.training_gpus + rollout == nodes * gpus
    assert launch.world == launch.training_gpus >= 1


def test_a_launch_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="fsdp2, two_nodes"):
        Launch(file="fsdp")


@pytest.mark.parametrize(
    ("amount", "told"), [(999, "999 B"), (1e3, "1.0 kB"), (2.94e6, "2.9 MB"), (48.3e9, "48.3 GB")]
)
def test_sizes_read_well(amount: float, told: str) -> None:
    assert size(amount) == told
