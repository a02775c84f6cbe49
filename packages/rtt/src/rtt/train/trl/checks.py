"""What can be known to be wrong before the first rollout: a tokenizer or a prompt that does not fit."""

from __future__ import annotations

from typing import Any

from lmcommon.errors import UserError
from rtt.train.trl.dataset import RUBRIC_COLUMN, read_rubric_prompt

__all__ = ["check_prompts", "check_tokenizer"]

_AT_ONCE = 256
"""Prompts tokenised together."""


def check_tokenizer(model: Any, tokenizer: Any) -> None:
    """Refuse a tokenizer with ids that the model has no embedding for.

    Raises:
        UserError: Names both sizes.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise UserError(
            f"expected the tokenizer that belongs to the policy, whose embedding has {rows} rows; "
            f"got one with {len(tokenizer)} tokens ({tokenizer.name_or_path!r}); load both from "
            "the same folder, or resize the model's embedding"
        )


def check_prompts(model: Any, tokenizer: Any, dataset: Any, args: Any) -> None:
    """Refuse a data set without rubrics, or with a prompt that leaves no room for a response.

    Raises:
        UserError: Names the prompt and its length.
    """
    if dataset is None or not hasattr(dataset, "__len__"):
        return  # a stream: its rows come one by one
    if RUBRIC_COLUMN not in dataset.column_names:
        raise UserError(
            f"prompts: expected a list of RubricPrompt, or a data set with the column "
            f"{RUBRIC_COLUMN!r}; got the columns {', '.join(dataset.column_names)}; make it with "
            "rtt.train.trl.rubric_dataset"
        )
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if limit is None:
        return
    room = limit - (args.max_completion_length or 0)
    for begin in range(0, len(dataset), _AT_ONCE):
        rows = dataset[begin : begin + _AT_ONCE]
        for length, text in zip(
            _lengths(tokenizer, rows["prompt"], args), rows[RUBRIC_COLUMN], strict=True
        ):
            if length > room:
                raise UserError(
                    f"prompt {read_rubric_prompt(text).id!r}: expected at most {room} tokens (the "
                    f"model's context of {limit} less max_completion_length = "
                    f"{args.max_completion_length}); got {length}; leave the prompt out or set a "
                    "smaller max_completion_length"
                )


def _lengths(tokenizer: Any, prompts: list[Any], args: Any) -> list[int]:
    if isinstance(prompts[0], str):
        return [len(ids) for ids in tokenizer(prompts)["input_ids"]]
    told = tokenizer.apply_chat_template(
        prompts, tokenize=True, add_generation_prompt=True, return_dict=True,
        **(args.chat_template_kwargs or {}),
    )  # fmt: skip
    return [len(ids) for ids in told["input_ids"]]
