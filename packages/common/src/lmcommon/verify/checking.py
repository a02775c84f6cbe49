"""The contract: does a response satisfy a constraint, and which characters decide?

In: a constraint id with its arguments, a prompt, a response. Out: a `Verdict` of source "program".

Spans (see `Verdict.spans`), always in characters of the response as given:

- a constraint that asks for something (a keyword, a title) points at what satisfies it; when it is
  absent the spans are empty;
- a constraint that forbids something (commas, a word) points at what violates it; when it is
  satisfied, by absence, the spans are empty;
- a count points at everything that was counted;
- a constraint on a place points at that place;
- where the whole response decides (length, language, case) the spans are None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from lmcommon.errors import UserError
from lmcommon.judge.types import Verdict
from lmcommon.verify.loose import Reading, readings
from lmcommon.verify.registry import find_checker
from lmcommon.verify.sandbox.types import CODE_ID, rule_source
from lmcommon.verify.types import Checker, Finding

if TYPE_CHECKING:
    from lmcommon.verify.sandbox.rules import SandboxedRules

__all__ = ["Mode", "check", "describe"]

Mode = Literal["strict", "loose"]


def check(
    constraint_id: str, kwargs: Mapping[str, Any], *, prompt: str, response: str,
    mode: Mode = "strict", rules: SandboxedRules | None = None,
) -> Verdict:  # fmt: skip
    """Check one response against one constraint.

    An empty response (or one of white space alone) violates every constraint.

    Args:
        constraint_id: One of `known_ids()`, such as `punctuation:no_comma`.
        kwargs: Its arguments; None values count as not given.
        prompt: What the response answers. Few constraints look at it.
        response: The text to check.
        mode: "strict", or "loose" for the best verdict over eight readings of the response.
        rules: Runs the code of a criterion with the id "code:python", as it is, in either mode;
            None: such code is never run.

    Returns:
        A scored verdict of source "program", spans in characters of `response`. Only code can be
        unscored, when it fails.

    Raises:
        UserError: Unknown id (near matches are listed), bad arguments (the field is named), or
            code without `rules`.
        ValueError: Unknown mode.
    """
    if mode not in ("strict", "loose"):
        raise ValueError(f"mode: expected 'strict' or 'loose', got {mode!r}")
    if constraint_id == CODE_ID:
        return _run_code(rule_source(kwargs), prompt, response, rules)
    checker = find_checker(constraint_id)
    clean = checker.validate(kwargs)
    strict = _find(checker, clean, prompt, response)
    if mode == "strict" or strict.satisfied:
        return _verdict(strict)
    for reading in readings(response)[1:]:
        if (finding := _find(checker, clean, prompt, reading.text)).satisfied:
            return _verdict(finding, reading)
    return _verdict(strict)


def describe(constraint_id: str, kwargs: Mapping[str, Any]) -> str:
    """The constraint in words: a criterion's text.

    Raises:
        UserError: As `check`.
    """
    checker = find_checker(constraint_id)
    return checker.describe(checker.validate(kwargs))


def _run_code(source: str, prompt: str, response: str, rules: SandboxedRules | None) -> Verdict:
    if rules is None:
        raise UserError(
            f"constraint {CODE_ID!r}: expected a sandbox to run code from the data in, got none; "
            "pass rules=SandboxedRules() (lmcommon.verify.sandbox), or leave it to a judge"
        )
    from lmcommon.verify.sandbox.rules import Rule

    return rules.run([Rule(source=source, instruction=prompt, response=response)])[0]


def _find(checker: Checker, kwargs: Mapping[str, Any], prompt: str, response: str) -> Finding:
    if not response.strip():
        return Finding(False, ())
    extra = {"prompt": prompt} if checker.takes_prompt else {}
    return checker.find(response, **kwargs, **extra)


def _verdict(finding: Finding, reading: Reading | None = None) -> Verdict:
    spans = finding.spans
    if spans is not None and reading is not None:
        spans = reading.to_response(spans)
    return Verdict(satisfied=finding.satisfied, spans=spans, source="program")
