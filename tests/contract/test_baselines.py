"""SFT and DPO through the installed TRL: what is trained, with which loss, and how it goes on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from lmcommon.app import compose
from lmcommon.errors import UserError
from lmcommon.extras import is_available
from lmcommon.testing.tiny_lm import make_tiny_lm

if not (is_available("trl") and is_available("hydra")):
    pytest.skip("needs rtt-llm[trl] and lmcommon[app]", allow_module_level=True)

from rtt.policy import LoraSettings, Policy, PretrainedPolicy
from rtt.run.baseline import main
from rtt.train.baselines import DpoBaseline, Example, Pair, SftBaseline, dpo_trainer, sft_trainer
from rtt.train.baselines.encoding import encode_examples, encode_pairs

EXAMPLES = [
    Example(prompt=f"Say {word}.", response=f"{word} and {word}", is_ended=place % 3 != 2)
    for place, word in enumerate(["amber", "birch", "coral", "dune", "ember", "fjord"])
]
PAIRS = [
    Pair(prompt=one.prompt, chosen=one, rejected=Example(prompt=one.prompt, response="No, thanks."))
    for one in EXAMPLES
]
SMALL: dict[str, Any] = {
    "rows_at_once": 2, "accumulation": 1, "learning_rate": 2e-3, "warmup": 0, "epochs": 4,
    "checkpoint_every": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(make_tiny_lm(tmp_path_factory.mktemp("lm")))


def policy_of(folder: Path, rank: int = 0) -> tuple[Policy, Any]:
    """A chat policy, and the adapters it is to get."""
    source = PretrainedPolicy(path=str(folder), lora=LoraSettings(rank=rank))
    return source.load(), source.adapters()


def trainer_of(
    kind: str, folder: Path, out: Path, *, rank: int = 0, **changed: Any
) -> Any:  # fmt: skip
    policy, adapters = policy_of(folder, rank)
    settings = (SftBaseline if kind == "sft" else DpoBaseline)(**{**SMALL, **changed})
    arguments = {
        "output_dir": str(out), "use_cpu": True, "bf16": False, "gradient_checkpointing": False,
        "seed": 3, **settings.arguments(),
    }  # fmt: skip
    if kind == "sft":
        rows = encode_examples(policy, EXAMPLES, max_tokens=settings.max_tokens)
        return sft_trainer(policy, rows, arguments, adapters=adapters)
    rows = encode_pairs(policy, PAIRS, max_tokens=settings.max_tokens)
    return dpo_trainer(policy, rows, arguments, adapters=adapters)


def losses(trainer: Any) -> list[float]:
    return [row["loss"] for row in trainer.state.log_history if "loss" in row]


def weights(model: Any) -> torch.Tensor:
    return torch.cat([one.detach().flatten() for one in model.parameters()])


def answer_logprob(model: Any, asked: list[int], answer: list[int]) -> torch.Tensor:
    """Log-probabilities of the answer's tokens, by the definition."""
    ids = torch.tensor([[*asked, *answer]])
    with torch.no_grad():
        logprob_TV = model(ids).logits[0, :-1].double().log_softmax(-1)
    return logprob_TV.gather(-1, ids[0, 1:, None])[len(asked) - 1 :, 0]


def test_a_prompt_is_what_the_policy_is_asked_and_an_answer_ends_as_it_did(folder: Path) -> None:
    policy, _ = policy_of(folder)
    rows = encode_examples(policy, EXAMPLES, max_tokens=2048)
    for row, one in zip(rows, EXAMPLES, strict=True):
        asked = policy.ask(one.prompt)
        assert row["input_ids"][: len(asked)] == asked
        assert row["completion_mask"].index(1) == len(asked)
        answer = row["input_ids"][len(asked) :]
        assert (answer[-1] == policy.tokenizer.eos_token_id) == one.is_ended
        assert policy.tokenizer.decode(answer, skip_special_tokens=True) == one.response
    assert "<|user|>" in policy.tokenizer.decode(rows[0]["input_ids"])


def test_a_long_row_is_cut_and_a_prompt_without_room_is_left_out(folder: Path) -> None:
    policy, _ = policy_of(folder)
    long = Example(prompt="Say it. " * 20, response="it")
    room = len(policy.ask(EXAMPLES[0].prompt)) + 4
    rows = encode_examples(policy, [long, EXAMPLES[0]], max_tokens=room)
    assert [len(row["input_ids"]) for row in rows] == [room]
    with pytest.raises(UserError, match=r"baseline\.max_tokens: .*fewer than 5 tokens"):
        encode_pairs(policy, PAIRS, max_tokens=5)


def test_trl_masks_the_prompt_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    policy, _ = policy_of(folder)
    rows = trainer_of("sft", folder, tmp_path).train_dataset
    for row, one in zip(rows, EXAMPLES, strict=True):
        asked = len(policy.ask(one.prompt))
        assert row["labels"] == [*[-100] * asked, *row["input_ids"][asked:]]


def test_the_sft_loss_is_the_mean_over_response_tokens(folder: Path, tmp_path: Path) -> None:
    policy, _ = policy_of(folder)
    rows = encode_examples(policy, EXAMPLES, max_tokens=2048)
    logprobs = []
    for row in rows:
        asked = row["completion_mask"].index(1)
        ids = row["input_ids"]
        logprobs.append(answer_logprob(policy.model, ids[:asked], ids[asked:]))
    trainer = trainer_of("sft", folder, tmp_path, rows_at_once=6, steps=1)
    trainer.train()
    assert losses(trainer)[0] == pytest.approx(-torch.cat(logprobs).mean().item(), abs=1e-4)


def test_the_dpo_loss_is_the_papers_formula(folder: Path, tmp_path: Path) -> None:
    """Of a policy that has moved away from its reference."""
    trainer = trainer_of("dpo", folder, tmp_path, rows_at_once=6, beta=0.3)
    reference, moved = policy_of(folder)[0].model, policy_of(folder)[0].model
    with torch.no_grad():
        for place, one in enumerate(trainer.model.parameters()):
            one.add_(0.02 * torch.randn(one.shape, generator=torch.Generator().manual_seed(place)))
    moved.load_state_dict(trainer.model.state_dict())
    batch = next(iter(trainer.get_train_dataloader()))
    loss = trainer.compute_loss(trainer.model, batch).item()
    wanted = []
    for row in trainer.train_dataset:
        gains = [
            (answer_logprob(moved, row["prompt_ids"], row[side]).sum()
             - answer_logprob(reference, row["prompt_ids"], row[side]).sum()).item()
            for side in ("chosen_ids", "rejected_ids")
        ]  # fmt: skip
        wanted.append(math.log1p(math.exp(-0.3 * (gains[0] - gains[1]))))
    assert abs(loss - math.log(2)) > 1e-3, loss
    assert loss == pytest.approx(sum(wanted) / len(wanted), abs=1e-4)


@pytest.mark.parametrize("rank", [0, 4])
@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_the_loss_falls_and_the_weights_move(
    kind: str, rank: int, folder: Path, tmp_path: Path
) -> None:
    trainer = trainer_of(kind, folder, tmp_path, rank=rank, epochs=10)
    before = weights(trainer.model)
    frozen = {
        name: one.detach().clone()
        for name, one in trainer.model.named_parameters()
        if not one.requires_grad
    }
    trainer.train()
    told = losses(trainer)
    assert len(told) == 30
    assert sum(told[-5:]) < 0.95 * sum(told[:5]), told
    assert not torch.equal(weights(trainer.model), before)
    if kind == "dpo":
        assert told[0] == pytest.approx(math.log(2), abs=1e-4)  # the policy is the reference still
    if rank:
        assert frozen
        for name, one in trainer.model.named_parameters():
            assert name not in frozen or torch.equal(one, frozen[name]), name


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_a_resumed_run_ends_as_an_uninterrupted_one(
    kind: str, folder: Path, tmp_path: Path
) -> None:
    whole = trainer_of(kind, folder, tmp_path / "whole", steps=8)
    whole.train()
    resumed = trainer_of(kind, folder, tmp_path / "resumed", steps=8)
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-6"))
    assert losses(resumed)[-2:] == losses(whole)[-2:]
    assert torch.equal(weights(resumed.model), weights(whole.model))


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_a_field_that_trl_has_not_is_named(kind: str, folder: Path, tmp_path: Path) -> None:
    wanted = rf"baseline\.options: expected fields of trl\.{kind.upper()}Config; got \['sideways'\]"
    with pytest.raises(UserError, match=wanted):
        trainer_of(kind, folder, tmp_path, options={"sideways": 1})


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_the_papers_recipe_builds_what_the_installed_trl_takes(kind: str, tmp_path: Path) -> None:
    from trl import DPOConfig, SFTConfig

    config = compose(main.name, main.schema, main.groups, [f"experiment=rtt/baseline/{kind}"])
    told = {"output_dir": str(tmp_path), "use_cpu": True, "bf16": False, "seed": config.seed,
            **config.baseline.arguments()}  # fmt: skip
    args = (SFTConfig if kind == "sft" else DPOConfig)(**told)
    assert {
        key: getattr(args, key)
        for key in ("learning_rate", "lr_scheduler_type", "warmup_steps", "num_train_epochs",
                    "max_steps", "max_length", "per_device_train_batch_size",
                    "gradient_accumulation_steps", "weight_decay", "seed")
    } == {
        "learning_rate": 1e-6, "lr_scheduler_type": "constant_with_warmup", "warmup_steps": 10,
        "num_train_epochs": 4, "max_steps": -1, "max_length": 2048,
        "per_device_train_batch_size": {"sft": 4, "dpo": 2}[kind],
        "gradient_accumulation_steps": {"sft": 64, "dpo": 128}[kind],
        "weight_decay": 0, "seed": 42,
    }  # fmt: skip
    assert config.baseline.accept == "all"
