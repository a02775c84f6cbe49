"""Examples and pairs as token ids: the prompt as the policy is asked it, the response as it ends.

In: texts and a policy. Out: a `datasets.Dataset` for TRL's trainers. The prompt goes through
`Policy.ask`, chat template included, so a baseline is trained on the very tokens that rollouts and
evaluation begin with; the mask of the prompt needs no search for where it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lmcommon.errors import UserError
from lmcommon.extras import require
from rtt.policy.tiny import Policy
from rtt.train.baselines.choosing import Example, Pair

__all__ = ["encode_examples", "encode_pairs"]


def encode_examples(policy: Policy, examples: Sequence[Example], *, max_tokens: int) -> Any:
    """Rows with `input_ids` and `completion_mask`, 1 on the response.

    Raises:
        UserError: No example has room for a response.
        MissingExtraError: Without `rtt-llm[trl]`.
    """
    rows = []
    for one in examples:
        asked, answer = policy.ask(one.prompt), _answer(policy, one)
        if len(asked) < max_tokens:
            rows.append({
                "input_ids": [*asked, *answer][:max_tokens],
                "completion_mask": [*[0] * len(asked), *[1] * len(answer)][:max_tokens],
            })  # fmt: skip
    return _dataset(rows, len(examples), max_tokens)


def encode_pairs(policy: Policy, pairs: Sequence[Pair], *, max_tokens: int) -> Any:
    """Rows with `prompt_ids`, `chosen_ids` and `rejected_ids`.

    Raises:
        UserError: No pair has room for a response.
        MissingExtraError: Without `rtt-llm[trl]`.
    """
    rows = [
        {
            "prompt_ids": asked,
            "chosen_ids": _answer(policy, one.chosen),
            "rejected_ids": _answer(policy, one.rejected),
        }
        for one in pairs
        if len(asked := policy.ask(one.prompt)) < max_tokens
    ]
    return _dataset(rows, len(pairs), max_tokens)


def _answer(policy: Policy, example: Example) -> list[int]:
    ids: list[int] = policy.tokenizer(example.response, add_special_tokens=False)["input_ids"]
    end = policy.tokenizer.eos_token_id
    return [*ids, end] if example.is_ended and end is not None else ids


def _dataset(rows: list[dict[str, Any]], given: int, max_tokens: int) -> Any:
    if not rows:
        raise UserError(
            f"baseline.max_tokens: expected a prompt of fewer than {max_tokens} tokens; got "
            f"{given} prompts that are all longer; raise it"
        )
    return require("datasets", extra="rtt-llm[trl]").Dataset.from_list(rows)
