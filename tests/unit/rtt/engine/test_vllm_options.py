"""What vLLM in this process refuses before it loads anything."""

from __future__ import annotations

import pytest

from lmcommon.errors import UserError
from rtt.engine.drawing import Sampling
from rtt.engine.vllm import VllmRolloutsSettings
from rtt.policy.tiny import TinyPolicy


def test_a_model_over_several_gpus_is_sent_to_the_server() -> None:
    settings = VllmRolloutsSettings(options={"tensor_parallel_size": 2})
    policy = TinyPolicy(hidden=32).build(("a",), seed=0)
    with pytest.raises(UserError, match=r"expected 1 .* got 2; use rtt-serve tensor_parallel="):
        settings.build(policy, max_tokens=4, sampling=Sampling(), row_budget=4, seed=0)
