"""Criteria judged by code that came with the data, in a sandbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lmcommon.judge.base import JudgeItem
from lmcommon.judge.types import Verdict
from lmcommon.verify.sandbox.rules import Rule, SandboxedRules
from lmcommon.verify.sandbox.types import CODE_ID, rule_source

__all__ = ["CodeJudge"]


class CodeJudge:
    """Runs the rule of each criterion with the id "code:python"; others are unscored.

    A rule that fails is an unscored verdict, never a violated one. Close the sandbox when done.

    Args:
        rules: Where they run.
    """

    def __init__(self, rules: SandboxedRules) -> None:
        self.rules = rules

    @property
    def identity(self) -> Mapping[str, Any]:
        """Kind and limits."""
        return {"kind": "code", "rules": dict(self.rules.identity)}

    def judge(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        """One verdict per item, in order, several rules at a time.

        Raises:
            UserError: A criterion has the id and no source: a broken rubric.
        """
        verdicts: dict[int, Verdict] = {}
        places, rules = [], []
        for place, item in enumerate(items):
            criterion = item.criterion
            if criterion.constraint_id != CODE_ID:
                verdicts[place] = Verdict.unscored(
                    f"criterion {criterion.id!r} has no code", source="program"
                )
                continue
            places.append(place)
            source = rule_source(criterion.kwargs)
            rules.append(Rule(source=source, instruction=item.prompt, response=item.response))
        verdicts |= zip(places, self.rules.run(rules), strict=True)
        return [verdicts[place] for place in range(len(items))]
