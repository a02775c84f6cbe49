"""FollowBench: ladders of instructions, each level with one constraint more than the one below.

Jiang et al., 2024, arXiv 2310.20410 (Apache-2.0). Rows of one example are its levels, 0 to 5; the
constraints are not listed, they are the differences between neighbouring levels. So the rows of a
file are first joined to ladders; then each level from 1 on is a prompt whose criterion k shows a
judge the instructions of levels k-1 and k and asks for what the second adds. A program decides,
once for all constraints of a level as in the benchmark's own scorer, where the answer is known
(extractions, edits, small sums) and in examples of the kind "example": they have no level 0, and
change the form in which solved examples are written, which the answer must have.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from lmcommon.data.files import OnBad
from lmcommon.data.rows import Row
from lmcommon.data.types import RubricPrompt
from lmcommon.errors import DataError, UserError
from lmcommon.judge.types import Criterion, Rubric
from lmcommon.verify.checking import check, describe

__all__ = ["join_ladders", "parse_followbench"]

_EXAMPLE = "example"
_INSTRUCTION, _ANSWER = "{instruction}\n", "{answer}"
"""Places in the form of an example."""
_CHECK = "followbench:answer"
_TARGETS = MappingProxyType({
    "E2E": "whole", "text_editing": "whole", "CONLL2003": "whole", "WIKIEVENTS": "lines",
    "BBH_logical": "option", "BBH_time": "date", "gsm_8k": "amount", "self_made_space": "anywhere",
})  # fmt: skip
"""Origins of examples whose answer is known, and where a program looks for it."""
_LISTED = "CONLL2003"
"""Its target is written as a Python list of equally good answers."""


@dataclass(slots=True)
class _Ladder:
    """The levels of one example that have been read so far."""

    path: str
    example: int
    kind: str
    """The category of the lowest level: that of all of the file."""
    levels: list[Row] = field(default_factory=list)

    def continues(self, row: Row, level: int) -> bool:
        """Whether a row belongs to this example, at its next level or wrongly at another."""
        is_same = (row.path, row.integer("example_id")) == (self.path, self.example)
        return is_same and level > self.levels[-1].integer("level")


def join_ladders(rows: Iterable[Row], on_bad: OnBad | None = None) -> Iterator[Row]:
    """Give each row the instructions below it; rows of level 0, which ask for nothing, drop out.

    Args:
        rows: In the order of the file: the levels of an example one after the other.
        on_bad: Is given the error of a row that has no place in a ladder, and reading goes on;
            None: it is raised.

    Yields:
        Rows with the fields `ladder` (instructions of the levels from the lowest to this one) and
        `kind` more.
    """
    ladder: _Ladder | None = None
    for row in rows:
        try:
            ladder, joined = _joined(row, ladder)
        except DataError as error:
            if on_bad is None:
                raise
            on_bad(error)
            continue
        if joined is not None:
            yield joined


def _joined(row: Row, ladder: _Ladder | None) -> tuple[_Ladder, Row | None]:
    """The ladder that a row stands on, and the row with what is below it."""
    level, example, category = row.integer("level"), row.integer("example_id"), row.text("category")
    row.text("instruction")
    if ladder is None or not ladder.continues(row, level):
        lowest = 1 if category == _EXAMPLE else 0
        if level != lowest:
            raise row.error(
                f"expected level {lowest} of example {example} ({category}) first, got {level}; "
                "keep the levels of an example together, in order", "level",
            )  # fmt: skip
        ladder = _Ladder(row.path, example, category)
    elif level != (due := ladder.levels[-1].integer("level") + 1):
        raise row.error(f"expected level {due} of example {example} next, got {level}", "level")
    ladder.levels.append(row)
    if level == 0:
        return ladder, None
    below = [one.text("instruction") for one in ladder.levels]
    value = {**row.value, "ladder": below, "kind": ladder.kind}
    return ladder, Row(value, row.path, row.index, row.prefix)


def parse_followbench(row: Row) -> RubricPrompt:
    """Read one level of an example, as `join_ladders` gives it.

    `metadata`: `ladder` (the same for all levels of an example), `level` (1 to 5), `kind` (content,
    situation, style, format, example, mixed), `category` (of the constraints so far), `source` (the
    set that the example was made from) and, where the row has them, the references `target` and
    `answer`. A reference answer that is not in the form asked for is noted in `label_doubt`.
    """
    kind, level = row.text("kind"), row.integer("level")
    ladder = f"{kind}-{row.integer('example_id')}"
    metadata: dict[str, Any] = {
        "ladder": ladder, "level": level, "kind": kind, "category": row.text("category"),
        "source": row.text("source"),
        **{key: row.text(key) for key in ("target", "answer") if row.text_or(key)},
    }  # fmt: skip
    if kind == _EXAMPLE:
        criteria: tuple[Criterion, ...] = (_form(row, metadata),)
    elif row.text("source") in _TARGETS and row.text_or("target"):
        criteria = (_target(row, kind),)
    else:
        criteria = tuple(_added(row, level))
    return RubricPrompt(
        id=f"{ladder}-level{level}", prompt=row.text("instruction"), rubric=Rubric(criteria),
        source="followbench", metadata=metadata,
    )  # fmt: skip


def _added(row: Row, level: int) -> Iterator[Criterion]:
    """A criterion for each level up to this one: what it adds to the level below."""
    ladder = row.texts("ladder")
    if len(ladder) != level + 1:
        raise row.error(f"expected {level + 1} instructions, got {len(ladder)}", "ladder")
    categories = [one.strip() for one in row.text("category").split(",")]
    for place in range(1, level + 1):
        tag = categories[place - 1] if len(categories) == level else categories[0]
        yield Criterion(
            id=f"c{place}",
            text=_difference(ladder[place - 1], ladder[place], is_last=place == level),
            tags=(tag,),
        )


def _difference(before: str, after: str, *, is_last: bool) -> str:
    changed = "" if is_last else (
        " Where the task itself words that requirement in another way, hold the response to the "
        "task's wording."
    )  # fmt: skip
    return (
        "The response meets the one requirement that the second of these instructions adds to the "
        f"first.{changed}\n\n<first>\n{before}\n</first>\n\n<second>\n{after}\n</second>"
    )


def _target(row: Row, kind: str) -> Criterion:
    """The known answer, which a program looks for."""
    source, target = row.text("source"), row.text("target")
    how = _TARGETS[source]
    answers = target.split("\n") if how == "lines" else [target]
    if source == _LISTED:
        answers = _listed(row, target)
    kwargs = {"answers": answers, "how": how}
    try:
        text = describe("followbench:target", kwargs)
    except UserError as error:
        raise row.error(f"expected an answer, got {target!r:.60}", "target") from error
    return Criterion(
        id="c0", text=text, constraint_id="followbench:target", kwargs=kwargs, tags=(kind,)
    )


def _listed(row: Row, target: str) -> list[str]:
    try:
        answers = ast.literal_eval(target)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise row.error(f"expected a list of texts, got {target!r:.60}", "target") from error
    if not isinstance(answers, list) or not all(isinstance(one, str) for one in answers):
        raise row.error(f"expected a list of texts, got {target!r:.60}", "target")
    return answers


def _form(row: Row, metadata: dict[str, Any]) -> Criterion:
    """The form of the answer, which a program checks."""
    target = row.text("target")
    form = target.removeprefix(_INSTRUCTION).replace("{{", "{").replace("}}", "}")
    if form.count(_ANSWER) != 1:
        raise row.error(f"expected a form with {_ANSWER} in it once, got {target!r}", "target")
    before, _, after = form.partition(_ANSWER)
    kwargs = {"before": before, "after": after}
    answer = metadata.get("answer")
    if answer and not check(_CHECK, kwargs, prompt="", response=answer).satisfied:
        metadata["label_doubt"] = "the reference answer is not in the form asked for"
    return Criterion(
        id="c0", text=describe(_CHECK, kwargs), constraint_id=_CHECK, kwargs=kwargs,
        tags=(_EXAMPLE,),
    )  # fmt: skip
