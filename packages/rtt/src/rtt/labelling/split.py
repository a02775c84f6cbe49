"""Training, validation and test parts that share neither prompts, nor responses, nor (if wanted)
kinds of constraint.

In: labelled responses in any order. Out: four lists. The part of a row depends on a hash of its
prompt's id, never on its place. Prompts that have their text or a response in common are one group
and go to one part. A kind is held out by a hash of its name; its rows are kept apart, and only
those of groups that nothing else of the training or validation part belongs to.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from lmcommon.errors import UserError
from lmcommon.verify.registry import is_known
from rtt.discriminator.examples import LabelledResponse, Part

__all__ = ["Divided", "PartName", "Split", "is_held_out_kind"]

PartName = Literal["train", "validation", "test", "held_out"]
_HELD_OUT_EVERY = 7
_SCALE = 10**8


def is_held_out_kind(kind: str) -> bool:
    """Whether a kind is kept out of training: one in seven, by a hash of its name."""
    return int(hashlib.sha256(kind.encode()).hexdigest()[:8], 16) % _HELD_OUT_EVERY == 0


@dataclass(frozen=True, slots=True)
class Divided:
    """The parts. Example: `Split().divide(rows).parts["test"]`."""

    parts: Mapping[PartName, Sequence[LabelledResponse]]
    dropped: int
    """Rows of held-out kinds whose prompt or response is in the training or validation part."""


@dataclass(kw_only=True)
class Split:
    """How rows are divided."""

    validation: float = 0.1
    """Share of the prompts, about."""
    test: float = 0.1
    hold_out_kinds: bool = True
    """Whether one program-checked kind in seven is kept apart."""

    def __post_init__(self) -> None:
        if min(self.validation, self.test) < 0 or self.validation + self.test >= 1:
            raise UserError(
                "split: expected shares >= 0 whose sum is below 1; got validation="
                f"{self.validation!r}, test={self.test!r}"
            )

    def part_of(self, key: str) -> Part:
        """The part of a prompt (or group of prompts) by a hash of its id."""
        digest = hashlib.sha256(f"split/{key}".encode("utf-8", "surrogatepass")).hexdigest()
        place = int(digest[:12], 16) % _SCALE / _SCALE
        if place < self.test:
            return "test"
        return "validation" if place < self.test + self.validation else "train"

    def divide(self, rows: Iterable[LabelledResponse]) -> Divided:
        """Put every row into its part, in the order of the rows."""
        rows = list(rows)
        keys = _groups(rows)
        seen = {
            key for row, key in zip(rows, keys, strict=True)
            if not self._is_apart(row) and self.part_of(key) != "test"
        }  # fmt: skip
        parts: dict[PartName, list[LabelledResponse]] = {name: [] for name in get_args(PartName)}
        dropped = 0
        for row, key in zip(rows, keys, strict=True):
            if not self._is_apart(row):
                parts[self.part_of(key)].append(row)
            elif key in seen:
                dropped += 1
            else:
                parts["held_out"].append(row)
        return Divided(parts, dropped)

    def _is_apart(self, row: LabelledResponse) -> bool:
        return self.hold_out_kinds and is_known(row.kind) and is_held_out_kind(row.kind)


def _groups(rows: Sequence[LabelledResponse]) -> list[str]:
    """For each row the least prompt id of those that its prompt is joined with."""
    parent: dict[Hashable, Hashable] = {}

    def root(item: Hashable) -> Hashable:
        while parent.setdefault(item, item) != item:
            parent[item] = item = parent[parent[item]]
        return item

    for row in rows:
        parent[root(("response", row.response.strip()))] = root(_prompt(row))
        if text := row.prompt.strip():  # two sources can name one prompt differently
            parent[root(("text", text))] = root(_prompt(row))
    least: dict[Hashable, str] = defaultdict(str)
    for row in rows:
        name, at = _prompt(row)[1], root(_prompt(row))
        least[at] = min(least[at] or name, name)
    return [least[root(_prompt(row))] for row in rows]


def _prompt(row: LabelledResponse) -> tuple[str, str]:
    """Id, or text, of the prompt; a row with neither goes by its response."""
    return "prompt", row.prompt_id or row.prompt or row.response
