"""Prompts with rubrics as the Parquet files that verl reads, and back.

Parquet gives all mappings of a column the same keys; so a `RubricPrompt` travels as one JSON text,
in `extra_info`, which verl hands on to its reward workers untouched.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.extras import require
from rtt.train.trl.dataset import RUBRIC_COLUMN, chat_messages, read_rubric_prompt

__all__ = ["read_prompts", "verl_row", "write_prompts"]

_EXTRA = "rtt-llm[trl]"


def verl_row(
    prompt: RubricPrompt, index: int, *, split: str = "train", system: bool = True
) -> dict[str, Any]:
    """One row in verl's schema.

    Args:
        prompt: A prompt with a rubric.
        index: Its number in the file.
        split: "train" or "heldout".
        system: Whether the policy's chat template takes a system message; else it goes to the
            head of the user's message that follows.

    Raises:
        UserError: The rubric has no criteria.
    """
    if not prompt.rubric.criteria:
        raise UserError(
            f"prompt {prompt.id!r}: expected a rubric with at least one criterion; got an empty "
            "one; leave the prompt out, or give it a criterion"
        )
    return {
        "data_source": "rtt",
        "prompt": chat_messages(prompt, system=system),
        "ability": "instruction_following",
        # verl wants a reference answer in every row; a rubric has none.
        "reward_model": {"style": "rubric", "ground_truth": ""},
        "extra_info": {
            "index": index,
            "split": split,
            RUBRIC_COLUMN: json.dumps(asdict(prompt), ensure_ascii=False),
        },
    }


def write_prompts(
    path: Path, prompts: Sequence[RubricPrompt], *, split: str = "train", system: bool = True
) -> None:
    """Write prompts, in their order; `split` and `system` as for `verl_row`.

    Raises:
        UserError: No prompts, or one without criteria.
        MissingExtraError: Without `datasets`.
    """
    datasets = require("datasets", extra=_EXTRA)
    if not prompts:
        raise UserError(f"{path.name}: expected at least one prompt with a rubric; got none")
    rows = [
        verl_row(prompt, index, split=split, system=system) for index, prompt in enumerate(prompts)
    ]
    datasets.Dataset.from_list(rows).to_parquet(path)


def read_prompts(path: Path) -> list[RubricPrompt]:
    """The prompts of a file that `write_prompts` wrote.

    Raises:
        UserError: The file is missing, or holds other rows.
        MissingExtraError: Without `pyarrow`.
    """
    parquet = require("pyarrow.parquet", extra=_EXTRA)
    try:
        rows = parquet.read_table(path).to_pylist()
        return [read_rubric_prompt(row["extra_info"][RUBRIC_COLUMN]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: expected a Parquet file as write_prompts writes it; got {error!r}"
        ) from error
