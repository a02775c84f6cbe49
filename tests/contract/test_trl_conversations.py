"""TRL asks a policy conversations as our own engines do: the very same tokens."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lmcommon.data.types import RubricPrompt, transcript
from rtt.policy.asking import asked
from rtt.policy.tiny import Policy
from rtt.train.trl import RTTTrainer

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from trl_support import config, words_policy, words_prompts

TAKING = (
    "{% for m in messages %}{{ m.content }} {% endfor %}{% if add_generation_prompt %}:{% endif %}"
)
REFUSING = (
    "{% for m in messages if m.role == 'system' %}{{ raise_exception('no system') }}{% endfor %}"
    + TAKING
)


class Seeing(RTTTrainer):
    """Remembers the prompts it generated from, in tokens without padding."""

    seen: list[list[int]]

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        out = super()._generate_and_score_completions(inputs)
        self.seen = [
            ids[mask.bool()].tolist()
            for ids, mask in zip(out["prompt_ids"], out["prompt_mask"], strict=True)
        ]
        return out


def conversation(prompt: RubricPrompt) -> RubricPrompt:
    talk = [
        {"role": "system", "content": "amber"}, {"role": "user", "content": "dune"},
        {"role": "assistant", "content": "ember"}, {"role": "user", "content": prompt.prompt},
    ]  # fmt: skip
    return replace(prompt, prompt=transcript(talk), metadata={"messages": talk})


@pytest.mark.parametrize("template", [TAKING, REFUSING])
def test_trl_generates_from_the_tokens_that_the_policy_asks(tmp_path: Path, template: str) -> None:
    made = words_policy()
    made.tokenizer.chat_template = template
    policy = Policy(made.model, made.tokenizer, is_chat=True)
    prompts = [conversation(one) for one in words_prompts(2)]
    trainer = Seeing(
        policy.model, prompts, args=config(tmp_path, max_steps=1),
        processing_class=policy.tokenizer, chat=True,
    )  # fmt: skip
    trainer.train()
    expected = {tuple(policy.ask(asked(one))) for one in prompts}
    assert {tuple(ids) for ids in trainer.seen} == expected
