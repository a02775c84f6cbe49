"""What sampler=auto takes."""

from __future__ import annotations

import pytest

from rtt.engine.settings import auto_takes_vllm
from rtt.policy.tiny import Policy, TinyPolicy


def policy(path: str = "folder") -> Policy:
    made = TinyPolicy(hidden=32).build(("a",), seed=0)
    made.model.name_or_path = path
    return made


@pytest.mark.parametrize(("has_cuda", "has_vllm", "is_shared", "expected"), [
    (True, True, False, True), (True, True, True, False),
    (True, False, False, False), (False, True, False, False),
])  # fmt: skip
def test_vllm_is_taken_where_it_and_cuda_are_and_nobody_else_takes_part(
    has_cuda: bool, has_vllm: bool, is_shared: bool, expected: bool
) -> None:
    found = auto_takes_vllm(policy(), has_cuda=has_cuda, has_vllm=has_vllm, is_shared=is_shared)
    assert found is expected


def test_a_policy_made_on_the_spot_stays_with_transformers() -> None:
    made = TinyPolicy(hidden=32).build(("a",), seed=0)
    assert not auto_takes_vllm(made, has_cuda=True, has_vllm=True, is_shared=False)
