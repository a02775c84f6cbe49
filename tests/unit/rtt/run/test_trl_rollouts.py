"""Who samples in a TRL run, in TRL's words."""

from __future__ import annotations

from typing import Any

import pytest

from lmcommon.errors import UserError
from rtt.run.trl_engine import TrlEngine
from rtt.run.trl_rollouts import TrlVllm, chosen_rollouts


@pytest.mark.parametrize(("has_cuda", "has_vllm", "expected"), [
    (True, True, "vllm"), (True, False, "transformers"), (False, True, "transformers"),
    (False, False, "transformers"),
])  # fmt: skip
def test_auto_takes_vllm_where_it_and_cuda_are(
    has_cuda: bool, has_vllm: bool, expected: str
) -> None:
    assert chosen_rollouts("auto", has_cuda=has_cuda, has_vllm=has_vllm) == expected


@pytest.mark.parametrize("asked", ["transformers", "vllm", "vllm_server"])
def test_what_is_asked_for_is_taken(asked: str) -> None:
    assert chosen_rollouts(asked, has_cuda=False, has_vllm=False) == asked


def test_another_name_is_refused() -> None:
    with pytest.raises(UserError, match=r"engine\.rollouts: expected one of auto, transformers"):
        TrlEngine(rollouts="sglang")


def told(**changed: Any) -> dict[str, Any]:
    return TrlEngine(**changed).arguments(processes=1)


def test_a_colocated_engine_has_its_share_of_the_gpu() -> None:
    vllm = TrlVllm(memory=0.4, tensor_parallel=2, sleep=True, context=512)
    got = told(rollouts="vllm", vllm=vllm)
    expected = {
        "use_vllm": True, "vllm_mode": "colocate", "vllm_gpu_memory_utilization": 0.4,
        "vllm_tensor_parallel_size": 2, "vllm_enable_sleep_mode": True,
        "vllm_max_model_length": 512, "vllm_importance_sampling_correction": True,
    }  # fmt: skip
    assert expected.items() <= got.items(), got


def test_a_server_has_an_address() -> None:
    got = told(rollouts="vllm_server", vllm=TrlVllm(server_url="http://node7:8001"))
    assert got["vllm_mode"] == "server"
    assert got["vllm_server_base_url"] == "http://node7:8001"


def test_without_vllm_nothing_of_it_is_set() -> None:
    assert [name for name in told(rollouts="transformers") if "vllm" in name] == ["use_vllm"]
    assert told(rollouts="transformers")["use_vllm"] is False


@pytest.mark.parametrize(("changed", "mode"), [
    ({}, "sequence_mask"), ({"top_p": 0.99}, "token_truncate"), ({"top_k": 100}, "token_truncate"),
    ({"options": {"min_p": 0.1}}, "token_truncate"), ({"temperature": 0.7}, "sequence_mask"),
    ({"top_k": 100, "vllm": TrlVllm(correction="sequence_truncate")}, "sequence_truncate"),
])  # fmt: skip
def test_the_correction_goes_by_token_where_tokens_are_left_out(
    changed: dict[str, Any], mode: str
) -> None:
    assert told(rollouts="vllm", **changed)["vllm_importance_sampling_mode"] == mode


def test_no_correction_is_told_as_such() -> None:
    got = told(rollouts="vllm", vllm=TrlVllm(correction="none"))
    assert got["vllm_importance_sampling_correction"] is False


def test_an_option_in_trls_own_words_wins() -> None:
    got = told(rollouts="vllm", options={"vllm_gpu_memory_utilization": 0.6})
    assert got["vllm_gpu_memory_utilization"] == 0.6


@pytest.mark.parametrize(("changed", "words"), [
    ({"memory": 0}, "engine.vllm.memory"), ({"memory": 1.5}, "engine.vllm.memory"),
    ({"tensor_parallel": 0}, "engine.vllm.tensor_parallel"), ({"context": 1}, "at least 2 tokens"),
    ({"correction": "tis"}, "expected one of auto, none, sequence_mask"),
    ({"server_url": "node7:8000"}, "http://localhost:8000"),
])  # fmt: skip
def test_a_setting_out_of_range_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        TrlVllm(**changed)
