"""What `rtt.train.trl` relies on in the installed TRL, each fact with the number that shows it."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from rtt.loss import policy_loss
from rtt.train.trl.installed import GRPOTrainer

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from trl_support import (
    batch,
    config,
    fixed_rollouts,
    grpo_trainer,
    history,
    loss_and_gradient,
    parameters,
    rtt_trainer,
    trained,
)

LOSSES = [
    ("grpo", "token"), ("bnpo", "token"), ("dr_grpo", "token"), ("dapo", "token"),
    ("dapo", "sequence"), ("grpo", "sequence"), ("cispo", "token"), ("sapo", "token"),
    ("luspo", "sequence"), ("vespo", "token"),
]  # fmt: skip
"""Every loss type of TRL 1.16, with the importance level it is meant for."""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")  # rollout functions are experimental


def off_policy(trainer: Any) -> dict[str, Any]:
    """A batch whose old log-probabilities are not the present ones."""
    inputs = batch(trainer)
    noise = torch.randn(inputs["completion_ids"].shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        now, _, _ = trainer._get_per_token_logps_and_entropies(
            trainer.model,
            torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1),
            torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1),
            inputs["completion_ids"].shape[1],
        )
    return inputs | {"old_per_token_logps": now + 0.3 * noise}


@pytest.mark.parametrize(("loss_type", "level"), LOSSES)
@pytest.mark.parametrize("make", [grpo_trainer, rtt_trainer])
def test_a_constant_advantage_per_token_is_the_advantage_of_the_row(
    tmp_path: Path, make: Any, loss_type: str, level: str
) -> None:
    trainer = make(
        tmp_path, rollout_func=fixed_rollouts,
        changed={"loss_type": loss_type, "importance_sampling_level": level,
                 "off_policy_mask_threshold": 0.05},
    )  # fmt: skip
    inputs = off_policy(trainer)
    row = torch.linspace(-1.5, 1.5, len(inputs["completion_ids"]))
    wide = row.unsqueeze(1).expand(inputs["completion_ids"].shape).contiguous()
    given = {"rtt_response": row, "rtt_relevant": torch.zeros_like(wide)}
    loss, gradient = loss_and_gradient(trainer, {**inputs, **given, "advantages": row})
    wide_loss, wide_gradient = loss_and_gradient(trainer, {**inputs, **given, "advantages": wide})
    assert loss.abs() > 1e-4
    torch.testing.assert_close(wide_loss, loss, atol=1e-6, rtol=0)
    torch.testing.assert_close(wide_gradient, gradient, atol=1e-6, rtol=0)


def test_the_tested_loss_types_are_all_there_are() -> None:
    from rtt.train.trl.installed import GRPOConfig

    help_text = GRPOConfig.__dataclass_fields__["loss_type"].metadata["help"]
    named = {word for word, _ in LOSSES if f"'{word}'" in help_text}
    assert named == {word for word, _ in LOSSES}, help_text
    values = help_text.split("Supported values are ")[1].split(". ")[0]
    assert values.count("'") // 2 == len(named), values


def test_the_hooks_have_the_names_and_arguments_we_override() -> None:
    hooks = {
        "_generate": ["prompts"],
        "_generate_and_score_completions": ["inputs"],
        "_compute_loss": ["model", "inputs"],
        "get_off_policy_mask": ["advantages", "per_token_logps", "sampling_per_token_logps",
                                "mask", "off_policy_threshold"],
        "training_step": ["model", "inputs", "num_items_in_batch"],
    }  # fmt: skip
    for name, expected in hooks.items():
        found = list(inspect.signature(getattr(GRPOTrainer, name)).parameters)
        assert [one for one in found if one != "self"] == expected, name
    gamma = list(inspect.signature(GRPOTrainer.get_gamma_weights).parameters)
    assert gamma[0] == "advantages", gamma
    scores = list(inspect.signature(GRPOTrainer._get_per_token_logps_and_entropies).parameters)
    assert scores[1:5] == ["model", "input_ids", "attention_mask", "logits_to_keep"], scores


def test_a_batch_has_the_keys_we_read_and_write(tmp_path: Path) -> None:
    plain = batch(grpo_trainer(tmp_path, rollout_func=fixed_rollouts))
    ours = batch(rtt_trainer(tmp_path, rollout_func=fixed_rollouts))
    assert {"completion_ids", "completion_mask", "advantages", "prompt_ids"} <= plain.keys()
    assert plain["advantages"].shape == (8,)
    assert ours.keys() - plain.keys() == {"rtt_response", "rtt_relevant"}
    assert ours["advantages"].shape == ours["completion_mask"].shape == (8, 8)


def test_rows_stay_in_the_order_in_which_they_were_scored(tmp_path: Path) -> None:
    trainer = rtt_trainer(tmp_path)
    inputs = batch(trainer)
    for place, row in enumerate(trainer._reward.rows):
        tokens = row.scored.rollout.tokens
        kept = inputs["completion_ids"][place][inputs["completion_mask"][place].bool()]
        assert tuple(kept.tolist()) == tokens, place
        asked = inputs["prompt_ids"][place][inputs["prompt_mask"][place].bool()]
        assert trainer.processing_class.decode(asked, skip_special_tokens=True) == row.prompt.prompt


@pytest.mark.parametrize("credit", [{"scheme": "none"}, {"scheme": "intra", "weight": 0.0}])
@pytest.mark.parametrize("loss_type", ["dapo", "grpo"])
def test_without_token_credit_it_is_trl_bit_for_bit(
    tmp_path: Path, credit: dict[str, Any], loss_type: str
) -> None:
    changed = {
        "credit": {"reward": "csr", **credit}, "response_advantage": "trl", "token_kernel": "trl",
        "loss_type": loss_type, "max_steps": 3, "num_iterations": 2,
    }  # fmt: skip
    theirs, ours = (  # one after the other: making a trainer seeds the shuffling
        trained(make(tmp_path, changed=changed, rollout_func=fixed_rollouts))
        for make in (grpo_trainer, rtt_trainer)
    )
    assert history(ours, "loss", "grad_norm") == history(theirs, "loss", "grad_norm")
    assert max(abs(loss) for (loss,) in history(ours, "loss")) > 1e-3
    assert torch.equal(parameters(ours), parameters(theirs))


def test_without_token_credit_our_kernel_gives_trls_loss_and_gradient(tmp_path: Path) -> None:
    changed = {"credit": {"reward": "csr", "scheme": "none"}, "response_advantage": "trl"}
    theirs = grpo_trainer(tmp_path, changed=changed, rollout_func=fixed_rollouts)
    ours = rtt_trainer(tmp_path, changed=changed, rollout_func=fixed_rollouts)
    inputs = off_policy(theirs)
    loss, gradient = loss_and_gradient(theirs, inputs)
    own = batch(ours) | {"old_per_token_logps": inputs["old_per_token_logps"]}
    own_loss, own_gradient = loss_and_gradient(ours, own)
    torch.testing.assert_close(own_loss, loss, atol=1e-6, rtol=0)
    torch.testing.assert_close(own_gradient, gradient, atol=1e-6, rtol=0)


@pytest.mark.parametrize("more", [{}, {"temperature": 0.7}, {"entropy_coef": 0.5}])
def test_our_kernel_gives_trls_loss_and_gradient_with_token_credit(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    theirs, ours = (
        rtt_trainer(
            tmp_path, rollout_func=fixed_rollouts,
            changed={"token_kernel": kernel, **more},
        )
        for kernel in ("trl", "chunked")
    )  # fmt: skip
    inputs = off_policy(theirs)
    loss, gradient = loss_and_gradient(theirs, inputs)
    own_loss, own_gradient = loss_and_gradient(ours, inputs)
    torch.testing.assert_close(own_loss, loss, atol=1e-6, rtol=0)
    torch.testing.assert_close(own_gradient, gradient, atol=1e-6, rtol=0)


def test_the_default_loss_is_the_papers_token_mean(tmp_path: Path) -> None:
    trainer = rtt_trainer(tmp_path, rollout_func=fixed_rollouts)
    inputs = off_policy(trainer)
    loss, _ = loss_and_gradient(trainer, inputs)
    paper = policy_loss(
        trainer._last_logprob_BT, inputs["old_per_token_logps"], inputs["advantages"],
        inputs["completion_mask"], clip_low=0.2, clip_high=0.27, aggregation="token-mean",
    )  # fmt: skip
    torch.testing.assert_close(loss, paper, atol=1e-6, rtol=0)
    assert config(tmp_path).beta == 0
