"""A policy from a folder: chat, adapters, precision, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lmcommon.errors import UserError
from lmcommon.testing.tiny_lm import make_tiny_lm
from rtt.policy import LoraSettings, PretrainedPolicy, response_logprobs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_lm(tmp_path_factory.mktemp("lm") / "model")


def test_a_folder_gives_a_chat_policy(folder: Path) -> None:
    policy = PretrainedPolicy(path=str(folder)).build()
    assert policy.is_chat
    assert policy.tokenizer.decode(policy.ask("Hi")).endswith("<|assistant|>\n")
    assert policy.tokenizer.padding_side == "left"
    assert not PretrainedPolicy(path=str(folder), chat=False).build().is_chat


def test_adapters_alone_are_trained_and_begin_at_zero(folder: Path) -> None:
    pytest.importorskip("peft")
    whole = PretrainedPolicy(path=str(folder)).build()
    small = PretrainedPolicy(path=str(folder), lora=LoraSettings(rank=4)).build(seed=1)
    trained = [name for name, one in small.model.named_parameters() if one.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained), trained
    ids, mask = torch.tensor([[5, 6]]), torch.ones(1, 2)
    told = [response_logprobs(p.model, ids, mask, ids, mask)[0] for p in (whole, small)]
    assert torch.equal(*told)
    told[1].sum().backward()
    assert any(bool(p.grad.any()) for p in small.model.parameters() if p.grad is not None)


def test_the_seed_decides_the_adapters(folder: Path) -> None:
    pytest.importorskip("peft")

    def first(seed: int) -> torch.Tensor:
        policy = PretrainedPolicy(path=str(folder), lora=LoraSettings(rank=4)).build(seed=seed)
        return next(one for name, one in policy.model.named_parameters() if "lora_A" in name)

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


@pytest.mark.parametrize(("dtype", "expected", "is_mixed"), [
    ("float32", torch.float32, False), ("bfloat16", torch.bfloat16, False),
    ("mixed", torch.float32, True),
])  # fmt: skip
def test_the_dtype_is_that_of_the_weights(
    folder: Path, dtype: str, expected: torch.dtype, is_mixed: bool
) -> None:
    policy = PretrainedPolicy(path=str(folder), dtype=dtype).build()
    assert (policy.model.dtype, policy.is_mixed) == (expected, is_mixed)


def test_what_is_no_model_says_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"policy\.path: cannot load .*bundled:smollm2"):
        PretrainedPolicy(path=str(tmp_path)).build()


def test_settings_without_meaning_are_refused() -> None:
    with pytest.raises(UserError, match=r"policy\.dtype: expected one of float32"):
        PretrainedPolicy(dtype="int4")
    with pytest.raises(UserError, match=r"policy\.lora\.modules.*lm_head"):
        LoraSettings(rank=4, modules=["lm_head"])
    with pytest.raises(UserError, match=r"bundled model: expected one of smollm2"):
        PretrainedPolicy(path="bundled:nothing").build()


def test_a_chat_needs_a_template(folder: Path, tmp_path: Path) -> None:
    policy = PretrainedPolicy(path=str(folder)).build()
    policy.tokenizer.chat_template = None
    policy.model.save_pretrained(tmp_path)
    policy.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"policy\.chat: expected a tokenizer with a chat template"):
        PretrainedPolicy(path=str(tmp_path), chat=True).build()
