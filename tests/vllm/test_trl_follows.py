"""TRL with the real vLLM in this process: what samples is always the policy that is trained."""

from __future__ import annotations

import sys
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from trl_vllm_support import needs_vllm, vllm_trainer

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]
ASKED = [1, 504, 2365, 282, 4649, 314]
GREEDY = 10


@pytest.fixture(autouse=True)
def _installed() -> None:
    needs_vllm()


def watching() -> type:
    """A trainer that compares greedy texts whenever it samples."""
    from rtt.train.trl.trainer import RTTTrainer

    class Watching(RTTTrainer):  # type: ignore[misc]
        seen: list[dict[str, Any]]

        def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
            out = super()._generate_single_turn(*args, **kwargs)
            random = torch.get_rng_state()
            self.seen.append(compared(self))
            torch.set_rng_state(random)
            return out

    Watching.seen = []
    return Watching


def compared(trainer: Any) -> dict[str, Any]:
    """Greedy tokens of vLLM, and how far its log-probabilities are from the trainer's."""
    import vllm

    params = vllm.SamplingParams(temperature=0.0, max_tokens=GREEDY, logprobs=0)
    engine = trainer.vllm_generation.llm
    (output,) = engine.generate([{"prompt_token_ids": ASKED}], params, use_tqdm=False)
    reply = output.outputs[0]
    ids = list(reply.token_ids)
    model = trainer.accelerator.unwrap_model(trainer.model)
    is_training = model.training
    model.eval()
    with torch.no_grad():
        logprob_LV = model(torch.tensor([[*ASKED, *ids]])).logits[0, len(ASKED) - 1 : -1]
        logprob_LV = logprob_LV.log_softmax(-1)
    model.train(is_training)
    theirs = torch.tensor([t[i].logprob for i, t in zip(ids, reply.logprobs, strict=True)])
    ours = logprob_LV.gather(1, torch.tensor(ids).unsqueeze(1)).squeeze(1)
    return {"ids": ids, "best": logprob_LV.argmax(-1).tolist(), "logprobs": ours.tolist(),
            "gap": (theirs - ours).abs().max().item()}  # fmt: skip


def check_followed(trainer: Any) -> None:
    seen = trainer.seen
    assert len(seen) == trainer.args.max_steps
    assert all(one["gap"] < 1e-3 for one in seen), [one["gap"] for one in seen]
    assert all(one["ids"] == one["best"] for one in seen), seen
    moved = [one["logprobs"] for one in seen]
    assert all(one != two for one, two in pairwise(moved)), moved
    told = [
        row["sampling/sampling_logp_difference/max"]
        for row in trainer.state.log_history
        if "loss" in row
    ]
    assert len(told) == len(seen)
    assert max(told) < 1e-3, told


def test_vllm_says_what_the_trainer_would_after_every_update(tmp_path: Path) -> None:
    from rtt.train.trl.vllm import close_rollouts

    trainer = vllm_trainer(tmp_path, kind=watching())
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        trainer.train()
    check_followed(trainer)
    texts = {tuple(one["ids"]) for one in trainer.seen}
    assert len(texts) > 1, "greedy text follows the weights"
    assert not [one for one in told if "vLLM versions" in str(one.message)]
    close_rollouts(trainer)


def test_adapters_are_merged_on_their_way(tmp_path: Path) -> None:
    from peft import LoraConfig

    from rtt.train.trl.vllm import close_rollouts

    adapters = LoraConfig(r=8, lora_alpha=64, task_type="CAUSAL_LM",
                          target_modules=["q_proj", "v_proj", "o_proj"])  # fmt: skip
    trainer = vllm_trainer(tmp_path, kind=watching(), learning_rate=1e-2, max_steps=2,
                           more={"peft_config": adapters})  # fmt: skip
    trainer.train()
    check_followed(trainer)
    close_rollouts(trainer)


def test_the_papers_sampling_reaches_vllm_and_its_ratio_stays_near_one(tmp_path: Path) -> None:
    """0.99, 0.99, 100: by token the ratio is near 1; a product over the response would fade."""
    from rtt.train.trl.vllm import close_rollouts

    trainer = vllm_trainer(
        tmp_path, max_steps=1, temperature=0.99, top_p=0.99, top_k=100,
        vllm_importance_sampling_mode="token_truncate",
    )  # fmt: skip
    generation = trainer.vllm_generation
    assert (generation.temperature, generation.top_p, generation.top_k) == (0.99, 0.99, 100)
    trainer.train()
    row = next(row for row in trainer.state.log_history if "loss" in row)
    assert 0.9 < row["sampling/importance_sampling_ratio/mean"] < 1.0, row
    assert row["sampling/sampling_logp_difference/max"] > 1e-3, "what top-k cut is missing"
    close_rollouts(trainer)


def test_another_seed_draws_other_rollouts(tmp_path: Path) -> None:
    from rtt.train.trl.vllm import close_rollouts

    drawn = []
    for seed in (3, 4):
        trainer = vllm_trainer(tmp_path, seed=seed, data_seed=3, max_completion_length=8,
                               shuffle_dataset=False)  # fmt: skip
        trainer.model.train()
        asked = [[*ASKED]] * 4
        drawn.append(trainer._generate_single_turn(asked, None, {}, 4)[0])
        close_rollouts(trainer)
    assert drawn[0] != drawn[1], "vLLM would draw alike whatever the seed"


def test_a_dead_engine_names_the_checkpoint(tmp_path: Path) -> None:
    from vllm.v1.engine.exceptions import EngineDeadError

    from rtt.train.trl.trainer import RTTTrainer
    from rtt.train.trl.vllm import EngineLostError, close_rollouts

    class Dying(RTTTrainer):  # type: ignore[misc]
        """Its engine core is gone when the second step samples."""

        def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
            super()._save_checkpoint(*args, **kwargs)
            alive = self.vllm_generation.llm

            class Gone:
                llm_engine = alive.llm_engine
                reset_prefix_cache = alive.reset_prefix_cache

                def generate(self, *_: Any, **__: Any) -> Any:
                    raise EngineDeadError

            self.vllm_generation.llm = Gone()

    trainer = vllm_trainer(tmp_path, kind=Dying, save_strategy="steps", save_steps=1)
    with pytest.raises(EngineLostError, match=r"after step 1 \(EngineDeadError.*checkpoint-1 is"):
        trainer.train()
    close_rollouts(trainer)
