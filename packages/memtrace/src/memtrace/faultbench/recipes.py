"""Sets of recipes: files of one JSON row a case, and the sets that come with memtrace."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from lmcommon.errors import UserError
from memtrace.faultbench.types import Recipe, Split

__all__ = ["FIRST_SEEDS", "HELD_OUT", "SETS", "read_recipes", "write_recipes"]

SETS = ("faultbench-v1",)
"""Sets that come with memtrace."""

FIRST_SEEDS: dict[Split, int] = {"dev": 0, "report": 1_000_000, "held_out": 2_000_000}
"""Where the seeds of a split begin; they end where the next one's begin."""

HELD_OUT = frozenset({
    "context_garble", "duplicate_crowding", "merge_entities", "store_prompt_text",
    "wrong_scope", "wrong_time_arithmetic",
})  # fmt: skip
"""Kinds that only the split `held_out` has, and nothing was developed on: one or two of each part
of a memory."""


def read_recipes(where: str | Path, *, split: Split | None = None) -> list[Recipe]:
    """The recipes of a set or a file.

    Args:
        where: One of `SETS`, a file `.jsonl` or `.jsonl.gz`, or a run folder that holds
            `recipes.jsonl`.
        split: Only this split.

    Raises:
        UserError: There is no such set or file, or it holds something else.
    """
    if str(where) in SETS:
        data = files("memtrace.faultbench").joinpath("sets", f"{where}.jsonl.gz").read_bytes()
        text = gzip.decompress(data).decode()
    else:
        text = _text(Path(where).expanduser())
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found.append(Recipe.from_dict(json.loads(line)))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{where}, line {number}: expected a recipe such as {{id, pipeline, seed, size, "
                f"kinds, split, tries}}; got {line[:80]!r}; build a set with memtrace-faultbench"
            ) from error
    return [one for one in found if split in (None, one.split)]


def write_recipes(path: Path, recipes: Iterable[Recipe]) -> None:
    """Write a file of recipes; the same recipes give the same bytes.

    Args:
        path: Ends in `.jsonl` or `.jsonl.gz`.
        recipes: In order.
    """
    text = "".join(json.dumps(one.to_dict()) + "\n" for one in recipes)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        path.write_text(text, encoding="utf-8")


def _text(path: Path) -> str:
    if path.is_dir():
        path /= "recipes.jsonl"
    try:
        if path.suffix == ".gz":
            return gzip.decompress(path.read_bytes()).decode()
        return path.read_text(encoding="utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UserError(
            f"recipes: expected one of {', '.join(SETS)}, a run folder of memtrace-faultbench, or "
            f"a file .jsonl or .jsonl.gz; got {str(path)!r} ({error})"
        ) from error
