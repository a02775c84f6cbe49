"""HIR-16K: the rows that RTT is trained on; prompts of four origins, each with its rubric.

Two layouts are read. Processed: `prompt` or `messages`, `rubrics` (objects with `description`, or
texts), `source`, `ground_truth`. Raw: `prompt`, `criteria` (texts), `source`, `ground_truth`. The
source tells what the ground truth holds, one entry a rubric:

- type1, type2: `instruction_id_list` and `kwargs`, of IFEval and IFBench;
- type3: `constraints`, MulDimIF's triples;
- type4: `checker` (`[rule] ...` or `[llm] ...`) and `functions`, Python source.

A criterion that no program of ours can check has no `constraint_id` and so is for a judge; unless
the data itself says so (`[llm]`, no ground truth), a warning in the metadata says why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lmcommon.data.hir_checks import find_check
from lmcommon.data.messages import as_metadata, read_messages
from lmcommon.data.muldimif import parse_triple
from lmcommon.data.rows import Row
from lmcommon.data.types import RubricPrompt, transcript
from lmcommon.data.wording import constraint_text
from lmcommon.judge.types import Criterion, Rubric
from lmcommon.verify.sandbox.types import CODE_ID

__all__ = ["parse_hir"]

_TRUTHS = {
    "type1": ("instruction_id_list", "kwargs"),
    "type2": ("instruction_id_list", "kwargs"),
    "type3": ("constraints",),
    "type4": ("checker", "functions"),
}
"""Which lists the ground truth of an origin holds."""


@dataclass(slots=True)
class _Reading:
    """One row while it is read."""

    row: Row
    origin: str
    truth: Row | None
    texts: list[str]
    weights: list[float]
    warnings: list[str] = field(default_factory=list)


def parse_hir(row: Row) -> RubricPrompt:
    """Read one row.

    `metadata`: `origin` (type1 to type4), `question` (the task without its criteria),
    `ground_truth` (JSON text: its keys differ from row to row), `messages` (if there is more than
    one), `warnings`.

    Raises:
        DataError: A field is missing or of another type, or a JSON text in it is broken.
    """
    texts, weights = _rubrics(row)
    messages = read_messages(row, "messages") if row.has("messages") else []
    has_truth = row.has("ground_truth")
    truth = row.unpacked("ground_truth").row("ground_truth") if has_truth else None
    reading = _Reading(row, row.text_or("source"), truth, texts, weights)
    criteria = _criteria(reading)
    metadata: dict[str, Any] = {
        "origin": reading.origin,
        "question": row.text_or("question"),
        "ground_truth": json.dumps(truth.value if truth else None, ensure_ascii=False),
        "warnings": reading.warnings,
        **as_metadata(messages),
    }
    return RubricPrompt(
        id=row.scalar_text("id"), prompt=_prompt(row, messages), rubric=Rubric(criteria),
        source="hir", metadata=metadata,
    )  # fmt: skip


def _prompt(row: Row, messages: list[dict[str, str]]) -> str:
    """The prompt as the row words it, or the transcript of its messages."""
    return row.text("prompt") if row.has("prompt") or not messages else transcript(messages)


def _rubrics(row: Row) -> tuple[list[str], list[float]]:
    """Texts and weights of the criteria."""
    key = "rubrics" if row.has("rubrics") or not row.has("criteria") else "criteria"
    texts, weights = [], []
    for place, value in enumerate(row.items(key)):
        if isinstance(value, str):
            texts.append(value.strip())
            weights.append(1.0)
            continue
        at = f"{key}[{place}]"
        one = Row({at: value}, row.path, row.index, row.prefix).row(at)
        texts.append(one.text("description").strip())
        weight = one.value.get("weight", 1)
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise row.error(f"expected a number, got {weight!r}", f"{at}.weight")
        weights.append(float(weight))
    return texts, weights


def _criteria(reading: _Reading) -> tuple[Criterion, ...]:
    keys = _TRUTHS.get(reading.origin)
    lists: tuple[list[Any], ...] = ()
    if reading.truth is not None and keys is not None:
        lists = tuple(reading.truth.items(key) for key in keys)
        for key, values in zip(keys, lists, strict=True):
            if len(values) != len(reading.texts):
                reading.warnings.append(
                    f"ground_truth.{key}: expected one entry a rubric ({len(reading.texts)}), "
                    f"got {len(values)}"
                )
    elif reading.truth is not None and reading.truth.value:
        reading.warnings.append(f"source {reading.origin!r} is not known: all for a judge")
    criteria = []
    for place in range(len(reading.texts)):
        entry = [values[place] for values in lists if place < len(values)]
        if lists and len(entry) == len(lists):
            criteria.append(_criterion(reading, place, entry))
        else:
            criteria.append(_judged(reading, place))
    return tuple(criteria)


def _criterion(reading: _Reading, place: int, entry: list[Any]) -> Criterion:
    if reading.origin == "type3":
        return _of_triple(reading, place, entry[0])
    if reading.origin == "type4":
        return _of_code(reading, place, entry[0], entry[1])
    name, kwargs = entry
    at = f"ground_truth.instruction_id_list[{place}]"
    if not isinstance(name, str):
        raise reading.row.error(f"expected text, got {name!r}", at)
    if not isinstance(kwargs, Mapping | None):
        raise reading.row.error(
            f"expected an object, got {kwargs!r}", f"ground_truth.kwargs[{place}]"
        )
    found = find_check(name, kwargs or {})
    group = name.partition(":")[0]
    if isinstance(found, str):
        reading.warnings.append(f"rubrics[{place}]: no program check for {name!r}: {found}")
        return _judged(reading, place, group)
    return Criterion(
        id=f"c{place}", text=reading.texts[place] or constraint_text(name, found),
        constraint_id=name, kwargs=found, weight=reading.weights[place],
        tags=(reading.origin, group),
    )  # fmt: skip


def _of_triple(reading: _Reading, place: int, triple: Any) -> Criterion:
    field_name = f"ground_truth.constraints[{place}]"
    made = parse_triple(
        reading.row, field_name, triple, f"c{place}", reading.warnings, text=reading.texts[place]
    )
    return Criterion(
        id=made.id, text=made.text, constraint_id=made.constraint_id, kwargs=made.kwargs,
        weight=reading.weights[place], tags=(reading.origin, *made.tags),
    )  # fmt: skip


def _of_code(reading: _Reading, place: int, checker: Any, source: Any) -> Criterion:
    at = f"ground_truth.checker[{place}]"
    if not isinstance(checker, str):
        raise reading.row.error(f"expected text, got {checker!r}", at)
    kind = checker.strip().lower()
    if kind.startswith("[llm]"):
        return _judged(reading, place, "llm")
    if not kind.startswith("[rule]"):
        reading.warnings.append(
            f"{at}: expected [rule] or [llm], got {checker[:40]!r}: for a judge"
        )
        return _judged(reading, place)
    if not isinstance(source, str) or not source.strip():
        reading.warnings.append(f"{at}: a rule without source code: for a judge")
        return _judged(reading, place, "rule")
    return Criterion(
        id=f"c{place}", text=reading.texts[place], constraint_id=CODE_ID,
        kwargs={"source": source}, weight=reading.weights[place], tags=(reading.origin, "rule"),
    )  # fmt: skip


def _judged(reading: _Reading, place: int, *tags: str) -> Criterion:
    return Criterion(
        id=f"c{place}", text=reading.texts[place], weight=reading.weights[place],
        tags=(reading.origin or "untyped", *tags),
    )  # fmt: skip
