"""IFEval and IFBench: prompts whose constraints a program checks, and reference verdicts.

Zhou et al., 2023, arXiv 2311.07911 (Apache-2.0); Pyatkin et al., 2025, arXiv 2507.02833
(ODC-BY-1.0). Both have the same layout. A constraint id can occur twice in a row, so criteria are
matched by position.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcommon.data.files import read_rows
from lmcommon.data.rows import Row
from lmcommon.data.types import RubricPrompt
from lmcommon.data.wording import constraint_text, has_wording
from lmcommon.judge.types import Criterion, Rubric

__all__ = ["ReferenceVerdict", "parse_ifbench", "parse_ifeval", "read_verdicts"]

_DOUBTED = {
    "1122": "the reference checker replaces the letter '#' by a random one",
    "1129": "the reference checker replaces the letter '!' by a random one",
    "2078": "the prompt contradicts itself on the number of bullet points",
    "337": "the prompt asks for 400 words, the check for 336",
    "30": "lower case is asked for and not checked; one check is listed twice",
    "1645": "the limit of 10 words is not checked",
}
"""Rows of IFEval whose checks are known not to fit their prompts."""

_LETTER = "keywords:letter_frequency"
_CAPITAL = "change_case:english_capital"
_UNSTEADY = {
    "1122": {_LETTER: "the reference draws a letter at random"},
    "1129": {_LETTER: "the reference draws a letter at random"},
    "1389": {_CAPITAL: "the reference's language detector has no seed"},
    "1645": {_CAPITAL: "the reference's language detector has no seed"},
    "1879": {
        "length_constraints:number_sentences":
            "the count depends on the version of the sentence splitter",
    },
}  # fmt: skip
"""Rows of IFEval and the constraint on which two runs of the reference checkers may differ."""


def parse_ifeval(row: Row) -> RubricPrompt:
    """Read one IFEval prompt.

    Doubtful rows say why: `metadata["label_doubt"]` of checks that do not fit their prompt,
    `metadata["verdict_doubt"]`, by constraint id, of reference verdicts that are not the same in
    every run.
    """
    return _parse(row, "ifeval")


def parse_ifbench(row: Row) -> RubricPrompt:
    """Read one IFBench prompt."""
    return _parse(row, "ifbench")


def _parse(row: Row, source: str) -> RubricPrompt:
    ids = row.texts("instruction_id_list")
    arguments = _arguments(row, len(ids))
    key = row.scalar_text("key")
    metadata: dict[str, Any] = {
        "warnings": [f"constraint {one!r} has no wording" for one in ids if not has_wording(one)]
    }
    if source == "ifeval" and key in _DOUBTED:
        metadata["label_doubt"] = _DOUBTED[key]
    if source == "ifeval" and key in _UNSTEADY:
        metadata["verdict_doubt"] = dict(_UNSTEADY[key])
    return RubricPrompt(
        id=key,
        prompt=row.text("prompt"),
        rubric=Rubric(
            tuple(
                Criterion(
                    id=f"c{place}",
                    text=constraint_text(one, kwargs),
                    constraint_id=one,
                    kwargs=kwargs,
                    tags=(one.partition(":")[0],),
                )
                for place, (one, kwargs) in enumerate(zip(ids, arguments, strict=True))
            )
        ),
        source=source,
        metadata=metadata,
    )


def _arguments(row: Row, number: int) -> list[Mapping[str, Any]]:
    """The arguments of each check. The hub's copy pads all names with null: dropped."""
    values = row.items("kwargs")
    if len(values) != number:
        raise row.error(
            f"expected one object an instruction ({number}), got {len(values)}", "kwargs"
        )
    arguments: list[Mapping[str, Any]] = []
    for place, value in enumerate(values):
        given = {} if value is None else value
        if not isinstance(given, Mapping):
            raise row.error(f"expected an object, got {value!r}", f"kwargs[{place}]")
        arguments.append({name: one for name, one in given.items() if one is not None})
    return arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceVerdict:
    """What the reference checkers said of one published response.

    Example: `ReferenceVerdict(prompt="...", response="...", constraint_ids=("punctuation:no_comma",
    ), satisfied=(True,))`
    """

    prompt: str
    """Join by it: keys differ between versions of the sets."""
    response: str
    constraint_ids: tuple[str, ...]
    satisfied: tuple[bool, ...]

    @property
    def is_all_satisfied(self) -> bool:
        """The conjunction."""
        return all(self.satisfied)


def read_verdicts(path: str | Path) -> Iterator[ReferenceVerdict]:
    """Read a file of reference verdicts (`eval_results_strict.jsonl`, or a cut of it)."""
    for row in read_rows(path):
        ids = row.texts("instruction_id_list")
        verdicts = row.booleans("follow_instruction_list")
        if len(ids) != len(verdicts):
            raise row.error(
                f"expected one verdict an instruction ({len(ids)}), got {len(verdicts)}",
                "follow_instruction_list",
            )
        if row.boolean("follow_all_instructions") != all(verdicts):
            raise row.error("expected the conjunction of the verdicts", "follow_all_instructions")
        yield ReferenceVerdict(
            prompt=row.text("prompt"), response=row.text("response"), constraint_ids=ids,
            satisfied=verdicts,
        )  # fmt: skip
