"""Prompts with rubrics as the `datasets.Dataset` that TRL reads, and back.

Arrow gives all mappings of a column the same keys and fills the rest with null, which would change
the arguments of a criterion; so a `RubricPrompt` travels as one JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.extras import require
from rtt.policy.asking import asked, fold_system, has_system, plain_text, takes_system
from rtt.records import prompt_of

__all__ = [
    "RUBRIC_COLUMN", "as_dataset", "chat_messages", "read_rubric_prompt", "rubric_dataset",
]  # fmt: skip

RUBRIC_COLUMN = "rubric_prompt"


def rubric_dataset(
    prompts: Sequence[RubricPrompt], *, chat: bool = True, system: bool = True
) -> Any:
    """Make a data set for `RTTTrainer`, one row a prompt.

    Args:
        prompts: Prompts with rubrics.
        chat: Whether a prompt is a user's message (formatted by the chat template of the
            tokenizer) or plain text to go on from; a conversation is its messages, or their
            transcript.
        system: Whether the template takes a system message (`rtt.policy.asking.takes_system`);
            else it goes to the head of the user's message that follows.

    Returns:
        A `datasets.Dataset` with the columns `prompt` and `rubric_prompt`.

    Raises:
        UserError: No prompts, or one without criteria.
        MissingExtraError: Without `rtt-llm[trl]`.
    """
    datasets = require("datasets", extra="rtt-llm[trl]")
    if not prompts:
        raise UserError("prompts: expected at least one prompt with a rubric; got none")
    for prompt in prompts:
        if not prompt.rubric.criteria:
            raise UserError(
                f"prompt {prompt.id!r}: expected a rubric with at least one criterion; got an "
                "empty one; leave the prompt out, or give it a criterion"
            )
    rows = [
        {
            "prompt": chat_messages(one, system=system) if chat else plain_text(asked(one)),
            RUBRIC_COLUMN: json.dumps(asdict(one), ensure_ascii=False),
        }
        for one in prompts
    ]
    return datasets.Dataset.from_list(rows)


def as_dataset(
    prompts: Sequence[RubricPrompt] | Any, model: Any, tokenizer: Any, *, chat: bool
) -> Any:
    """A list of prompts as a data set for a policy; what is one already stays as it is.

    Args:
        prompts: Prompts with rubrics, or a data set.
        model: A model, a folder or a hub id: has the tokenizer if none is given.
        tokenizer: Its chat template says what becomes of system messages; None: the model's.
        chat: As for `rubric_dataset`.
    """
    if not isinstance(prompts, (list, tuple)):
        return prompts
    system = True
    if chat and any(has_system(one.messages) for one in prompts):
        if tokenizer is None:
            from transformers import AutoTokenizer

            name = model if isinstance(model, str) else model.config.name_or_path
            tokenizer = AutoTokenizer.from_pretrained(name)
        system = takes_system(tokenizer)
    return rubric_dataset(prompts, chat=chat, system=system)


def chat_messages(prompt: RubricPrompt, *, system: bool) -> list[dict[str, str]]:
    """The messages that an engine puts through the chat template: those of `Policy.ask`."""
    return prompt.messages if system else fold_system(prompt.messages)


@lru_cache(maxsize=4096)
def read_rubric_prompt(text: str) -> RubricPrompt:
    """The prompt of one cell of the column `rubric_prompt`.

    Raises:
        UserError: The text is none that `rubric_dataset` wrote.
    """
    try:
        return prompt_of(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"column {RUBRIC_COLUMN!r}: expected a prompt as rubric_dataset writes it; got "
            f"{text[:80]!r} ({error!r}); make the data set with rtt.train.trl.rubric_dataset"
        ) from error
