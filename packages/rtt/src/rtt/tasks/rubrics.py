"""The rubrics task: the prompts of a data set, filtered, split into training and held-out ones.

In: the name of a set of `lmcommon.data` and its file. Out: `RubricPrompt` rows. A prompt belongs to
the held-out split by a hash of its text, so neither order nor filters move one across; levels of
one ladder (FollowBench) contain each other and stay together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from lmcommon.data.config import PROMPT_SCHEMAS
from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.rng import random_for
from rtt.tasks.base import Split

__all__ = ["RubricsTask"]


@dataclass(kw_only=True)
class RubricsTask:
    """Settings of the task; `prompts` gives its rows.

    Example:
        `RubricsTask(data="ifeval", path="input_data.jsonl", kinds=["punctuation"])`: prompts that
        ask for nothing but punctuation.
    """

    data: str = "ifeval"
    """A set of prompts with rubrics: ifeval, ifbench, muldimif, infobench, ..."""
    path: str = ""
    """File, folder (of a set of several files) or hub id."""
    kinds: list[str] = field(default_factory=list)
    """Constraint ids, or what stands before their colon. A prompt is kept if all its criteria are
    of these; empty: all prompts."""
    max_prompts: int | None = None
    """Most prompts of each split."""
    max_chars: int | None = None
    """Longest prompt."""
    keep_doubtful: bool = False
    """Whether to keep prompts whose checks are known not to fit their text."""
    max_tokens: int = 256
    """Longest response."""
    heldout_every: int = 8
    """One prompt in so many is held out; 0: none."""

    def __post_init__(self) -> None:
        if self.data not in PROMPT_SCHEMAS:
            raise UserError(
                f"task.data: expected one of {', '.join(PROMPT_SCHEMAS)}; got {self.data!r}"
            )
        self.kinds = list(self.kinds)
        for key in ("max_prompts", "max_chars", "max_tokens"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise UserError(f"task.{key}: expected a number above 0; got {value!r}")
        if self.heldout_every < 0 or self.heldout_every == 1:
            raise UserError(
                "task.heldout_every: expected 0 (nothing is held out) or a number above 1; got "
                f"{self.heldout_every!r}"
            )

    def prompts(self, split: Split, seed: int) -> Iterator[RubricPrompt]:
        """Prompts of one split; the same seed gives the same stream.

        Training prompts have no end: the whole split in a new order each time through. Held-out
        prompts come once, in the order of the file, whatever the seed.

        Raises:
            UserError: No training prompt is left.
            DataError: A row is malformed.
        """
        rows = self.rows(split)
        if split == "heldout":
            yield from rows
            return
        if not rows:
            raise UserError(
                f"task: expected training prompts in {self.path!r}; none passes the filters; "
                "allow more kinds, or raise task.max_chars"
            )
        epoch = 0
        while True:
            order = list(rows)
            random_for(seed, "rubrics", epoch).shuffle(order)
            yield from order
            epoch += 1

    def rows(self, split: Split) -> list[RubricPrompt]:
        """All prompts of one split, in the order of the file."""
        held = [row for row in self._kept if (split == "heldout") == self.is_held_out(row)]
        return held[: self.max_prompts]

    def is_held_out(self, prompt: RubricPrompt) -> bool:
        """Whether a prompt belongs to the held-out split."""
        text = str(prompt.metadata.get("ladder") or prompt.prompt)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return self.heldout_every > 0 and int(digest[:8], 16) % self.heldout_every == 0

    @cached_property
    def _kept(self) -> list[RubricPrompt]:
        rows = PROMPT_SCHEMAS[self.data](path=self.path).build()
        found = {kind for row in rows for kind in _kinds(row)}
        if unknown := [kind for kind in self.kinds if not _matches(found, kind)]:
            raise UserError(
                f"task.kinds: expected some of {', '.join(sorted(found))}; got {unknown}"
            )
        return [row for row in rows if self._is_kept(row)]

    def _is_kept(self, row: RubricPrompt) -> bool:
        is_long = self.max_chars is not None and len(row.prompt) > self.max_chars
        is_doubtful = "label_doubt" in row.metadata and not self.keep_doubtful
        if is_long or is_doubtful or not row.rubric.criteria:
            return False
        return not self.kinds or all(
            any(_matches({kind}, wanted) for wanted in self.kinds) for kind in _kinds(row)
        )


def _kinds(row: RubricPrompt) -> list[str]:
    return [criterion.constraint_id or "judged" for criterion in row.rubric.criteria]


def _matches(kinds: set[str], wanted: str) -> bool:
    return any(wanted in (kind, kind.partition(":")[0]) for kind in kinds)
