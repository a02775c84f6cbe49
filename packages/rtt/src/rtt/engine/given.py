"""Responses that are there already: the outputs of any model, to be scored like sampled ones.

In: a file of rows with `response` and with `prompt` (the exact text, or messages) or `id`, the
prompts of a data set, and a tokenizer. Out: groups of rollouts. They have no log-probabilities
(NaN: not measured).
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcommon.data.files import read_rows
from lmcommon.data.messages import read_messages
from lmcommon.data.rows import Row
from lmcommon.data.types import RubricPrompt, transcript
from lmcommon.errors import UserError
from rtt.types import Group, Rollout, Span

__all__ = [
    "Given", "Tokens", "cut_words", "given_rollout", "load_tokenizer", "read_given", "tokens_by",
]  # fmt: skip

Tokens = Callable[[str], tuple[tuple[int, ...], tuple[Span, ...]]]
"""From a text to token ids [T] and the characters that each covers [T]."""

_ID_FIELDS = ("id", "prompt_id", "key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a file of responses held for a set of prompts.

    Example:
        `Given(groups=(Group(...),), unanswered=3, unmatched=("p99",))`
    """

    groups: tuple[Group, ...]
    """One a prompt that has responses, in the order of the prompts."""
    unanswered: int
    """Prompts without a response."""
    unmatched: tuple[str, ...]
    """Rows whose prompt is not in the set: their numbers, ids or first words."""


def read_given(path: str | Path, prompts: Sequence[RubricPrompt], tokens: Tokens) -> Given:
    """Join responses to prompts.

    Args:
        path: `.json`, `.jsonl` or a compressed one. Several rows of one prompt are its samples.
        prompts: What they answer. Rows are joined by the prompt's text if they have it (ids differ
            between versions of a set), else by its id. Where several prompts have one text, the
            row's id decides, if it has one of theirs.
        tokens: Cuts a response into tokens.

    Raises:
        UserError: No row answers any prompt, or a file that cannot be read.
        DataError: A row without a response, or without a prompt and an id.
    """
    by_text = {text: prompt for prompt in prompts for text in _texts(prompt)}
    by_id = {prompt.id: prompt for prompt in prompts}
    found: dict[str, list[Rollout]] = {}
    unmatched: list[str] = []
    for row in read_rows(path):
        name, prompt = _asked(row, by_text, by_id)
        if prompt is None:
            unmatched.append(f"row {row.index}: {name[:60]}")
        else:
            rollout = given_rollout(prompt.id, row.text("response"), tokens)
            found.setdefault(prompt.id, []).append(rollout)
    if not found:
        raise UserError(
            f"{path}: expected responses to the {len(prompts)} prompts of the data set; none of "
            f"its rows matches one; give data= and data.path= of the prompts that were answered"
        )
    groups = tuple(
        Group(prompt=prompt, rollouts=tuple(found[prompt.id]))
        for prompt in prompts
        if prompt.id in found
    )
    return Given(groups=groups, unanswered=len(prompts) - len(groups), unmatched=tuple(unmatched))


def cut_words(text: str) -> tuple[tuple[int, ...], tuple[Span, ...]]:
    """Whitespace-separated words as tokens, each with the whitespace before it.

    The stand-in where no tokenizer is given: ids are checksums, lengths are numbers of words.
    """
    found = list(re.finditer(r"\s*\S+|\s+\Z", text))
    ids = tuple(zlib.crc32(one[0].encode("utf-8", "surrogatepass")) for one in found)
    return ids, tuple(one.span() for one in found)


def tokens_by(tokenizer: Any) -> Tokens:
    """Tokens of a `transformers` tokenizer, without special ones.

    Raises:
        UserError: The tokenizer cannot tell which characters a token covers.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise UserError(
            f"tokenizer: expected a fast tokenizer (one with tokenizer.json); got "
            f"{type(tokenizer).__name__}, which cannot say which characters a token covers"
        )

    def cut(text: str) -> tuple[tuple[int, ...], tuple[Span, ...]]:
        coded = tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        return tuple(coded["input_ids"]), tuple((a, b) for a, b in coded["offset_mapping"])

    return cut


def load_tokenizer(spec: str) -> Any:
    """A tokenizer from a folder, a hub id, or `bundled:smollm2`.

    Raises:
        UserError: There is none.
    """
    from transformers import AutoTokenizer

    from lmcommon.llm.bundled import bundled_folder

    kind, _, name = spec.partition(":")
    folder = str(bundled_folder(name)) if kind == "bundled" else spec
    try:
        return AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise UserError(
            f"tokenizer: expected a folder with tokenizer.json, a hub id or bundled:smollm2; got "
            f"{spec!r}: {str(error).splitlines()[0]}"
        ) from error


def _texts(prompt: RubricPrompt) -> set[str]:
    """How a row may word a prompt."""
    return {prompt.prompt, transcript(prompt.messages)}


def _asked(
    row: Row, by_text: dict[str, RubricPrompt], by_id: dict[str, RubricPrompt]
) -> tuple[str, RubricPrompt | None]:
    """What a row names its prompt, and the prompt."""
    if row.has("prompt"):
        is_talk = isinstance(row.value["prompt"], list)
        text = transcript(read_messages(row, "prompt")) if is_talk else row.text("prompt")
        named = (by_id.get(str(row.value.get(field))) for field in _ID_FIELDS)
        twin = next((one for one in named if one is not None and text in _texts(one)), None)
        return text, twin or by_text.get(text)
    for field in _ID_FIELDS:
        if row.has(field):
            name = row.scalar_text(field)
            return name, by_id.get(name)
    raise row.error(f"expected the text of its prompt, or one of {', '.join(_ID_FIELDS)}", "prompt")


def given_rollout(prompt_id: str, text: str, tokens: Tokens) -> Rollout:
    """A response that is there already, cut into tokens; its log-probabilities are not known."""
    ids, offsets = tokens(text)
    return Rollout(
        prompt_id=prompt_id,
        tokens=ids,
        logprobs=(math.nan,) * len(ids),
        text=text,
        offsets=offsets,
        finish_reason="stop",
    )
