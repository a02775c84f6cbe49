"""What the engine on a vLLM server does when the server is away, dies, or has other weights."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest
import torch

from lmcommon.errors import UserError
from lmcommon.extras import is_available
from rtt.engine.vllm_server import VllmServerRollouts
from rtt.engine.weights import policy_weights
from rtt.policy.tiny import Policy, TinyPolicy
from rtt.tasks import WordsTask

from .vllm_stub import VllmStub, vllm_stub

TASK = WordsTask()


def tiny() -> Policy:
    return TinyPolicy(hidden=32).build(TASK.tokens, seed=0)


def engine(policy: Policy, server: VllmStub, folder: Path) -> VllmServerRollouts:
    return VllmServerRollouts(policy, 8, url=server.url, patience_s=5, folder=folder)


def test_a_server_that_is_not_there_leaves_no_folder_behind(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no answer from the vLLM server"):
        VllmServerRollouts(
            tiny(), 8, url="http://127.0.0.1:9", patience_s=0.0, folder=tmp_path / "made"
        )
    assert list((tmp_path / "made").iterdir()) == []


def test_weights_are_gone_from_shared_memory_when_it_is_closed(tmp_path: Path) -> None:
    policy = tiny()
    with vllm_stub(min(policy.end_ids)) as server:
        with closing(engine(policy, server, tmp_path)) as one:
            one.update(policy_weights(policy), version=3)
            assert [path.name for path in tmp_path.glob("*/*")] == ["weights-3.safetensors"]
        one.close()
    assert list(tmp_path.iterdir()) == []


def test_only_the_newest_weights_lie_in_the_folder(tmp_path: Path) -> None:
    policy = tiny()
    with (
        vllm_stub(min(policy.end_ids)) as server,
        closing(engine(policy, server, tmp_path)) as one,
    ):
        for version in range(3):
            one.update(policy_weights(policy), version=version)
            names = [path.name for path in tmp_path.glob("*/*")]
            assert names == [f"weights-{version}.safetensors"]
            assert server.version == version


def test_a_folder_without_room_is_named(tmp_path: Path) -> None:
    policy = tiny()
    with (
        vllm_stub(min(policy.end_ids)) as server,
        closing(engine(policy, server, tmp_path)) as one,
    ):
        for made in tmp_path.iterdir():
            made.rmdir()
        with pytest.raises(UserError, match=r"sampler\.folder: expected room .* give sampler"):
            one.update(policy_weights(policy), version=0)


def test_a_response_that_was_cut_short_is_asked_for_again(tmp_path: Path) -> None:
    policy = tiny()
    with (
        vllm_stub(min(policy.end_ids)) as server,
        closing(engine(policy, server, tmp_path)) as one,
    ):
        one.update(policy_weights(policy), version=0)
        server.torn = 2
        prompts = list(islice(TASK.prompts("train", 0), 2))
        groups = one.sample(prompts, samples=2, seed=0)
    assert [len(group.rollouts) for group in groups] == [2, 2]
    assert server.torn == 0


@pytest.mark.skipif(not is_available("hydra"), reason="needs lmcommon[app]")
def test_rollouts_from_a_server_are_of_the_policy_that_was_asked_for(tmp_path: Path) -> None:
    """A server that was started with other weights, or has those of another run, gets them."""
    policy = tiny()
    with vllm_stub(min(policy.end_ids)) as server:
        server.version = 5
        done = subprocess.run(
            [
                sys.executable, "-m", "rtt.run.rollout", "sampler=vllm_server",
                f"sampler.url={server.url}", "policy.hidden=32", "warm_start.steps=0",
                "prompts=3", "samples=2", "hydra.run.dir=run",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert server.asked.index("rtt_load_weights") < server.asked.index("/v1/completions")
    for name, tensor in policy_weights(policy):
        assert torch.equal(server.weights[name], tensor), name
