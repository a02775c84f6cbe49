"""Criteria judged by program, and the mixture of program and language model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from lmcommon.judge.base import Judge, JudgeItem
from lmcommon.judge.types import Verdict
from lmcommon.verify.checking import Mode, check
from lmcommon.verify.registry import is_known
from lmcommon.verify.sandbox.types import CODE_ID

__all__ = ["HybridJudge", "ProgramJudge"]


class ProgramJudge:
    """Checks criteria with a `constraint_id` by `lmcommon.verify`; others are unscored.

    An unknown id or bad arguments are a broken rubric, not a bad response: `UserError`.

    Args:
        mode: "strict", or "loose" for the best verdict over eight readings of the response.
    """

    def __init__(self, *, mode: Mode = "strict") -> None:
        self.mode = mode

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind and mode."""
        return {"kind": "program", "version": 1, "mode": self.mode}

    def judge(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        """One verdict per item, in order, with the spans that decide."""
        return [self._judge_one(item) for item in items]

    def _judge_one(self, item: JudgeItem) -> Verdict:
        criterion = item.criterion
        if criterion.constraint_id is None:
            return Verdict.unscored(
                f"criterion {criterion.id!r} has no program check", source="program"
            )
        return check(
            criterion.constraint_id, criterion.kwargs, prompt=item.prompt, response=item.response,
            mode=self.mode,
        )  # fmt: skip


class HybridJudge:
    """By program where there is one, else by another judge.

    `Verdict.source` says which decided. A criterion that names a check we do not have is an error
    by default; with `unknown="judge"` it goes to the other judge, and the verdict's rationale
    begins with the fallback. The same holds for code from the data without a `code` judge.

    Args:
        other: Judges what no program can.
        program: Judges the rest.
        unknown: What to do with an unknown `constraint_id`.
        code: Runs criteria whose check is source code (`CodeJudge`); None: they are not run.
        graded: Grades criteria with a scale (`GradedJudge`); None: they go to `other`.
    """

    def __init__(
        self, other: Judge, *, program: ProgramJudge | None = None,
        unknown: Literal["error", "judge"] = "error", code: Judge | None = None,
        graded: Judge | None = None,
    ) -> None:  # fmt: skip
        if unknown not in ("error", "judge"):
            raise ValueError(f"unknown: expected 'error' or 'judge', got {unknown!r}")
        self.other, self.program, self.unknown = other, program or ProgramJudge(), unknown
        self.code, self.graded = code, graded

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind and the identities of all judges."""
        return {
            "kind": "hybrid", "program": dict(self.program.identity),
            "other": dict(self.other.identity), "unknown": self.unknown,
            **({"code": dict(self.code.identity)} if self.code else {}),
            **({"graded": dict(self.graded.identity)} if self.graded else {}),
        }  # fmt: skip

    def judge(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        """One verdict per item, in order; each judge gets its items as one batch."""
        verdicts: dict[int, Verdict] = {}
        judges = {
            "program": self.program, "other": self.other, "code": self.code, "graded": self.graded,
        }  # fmt: skip
        routes = [self._route(item) for item in items]
        for route, judge in judges.items():
            mine = [index for index, taken in enumerate(routes) if taken == route]
            if judge is None or not mine:
                continue
            for index, verdict in zip(mine, judge.judge([items[i] for i in mine]), strict=True):
                verdicts[index] = _noted(verdict, items[index]) if route == "other" else verdict
        return [verdicts[index] for index in range(len(items))]

    def _route(self, item: JudgeItem) -> str:
        constraint = item.criterion.constraint_id
        if constraint == CODE_ID and self.code is not None:
            return "code"
        if item.criterion.is_graded and self.graded is not None:
            return "graded"
        if constraint is None or (self.unknown == "judge" and not is_known(constraint)):
            return "other"
        return "program"


def _noted(verdict: Verdict, item: JudgeItem) -> Verdict:
    constraint = item.criterion.constraint_id
    if constraint is None:
        return verdict
    note = f"[fallback: no program check {constraint!r}] "
    return replace(verdict, rationale=note + verdict.rationale)
