"""A validator of prompts with rubrics: what does a file contain, and what is wrong with it?

In: a set's name and its file (or rows already read). Out: a `ValidationReport`. It goes on after a
bad row and lists them all; code that comes with the data is compiled, never run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from lmcommon.data.files import OnBad
from lmcommon.data.lengths import Tokenizer, count_tokens
from lmcommon.data.qa_feedback import read_marked
from lmcommon.data.registry import PROMPTS
from lmcommon.data.report import BadRow, ValidationReport
from lmcommon.data.types import RubricPrompt
from lmcommon.data.wording import bare_text
from lmcommon.errors import DataError, UserError
from lmcommon.judge.types import Criterion
from lmcommon.verify.registry import find_checker, is_known
from lmcommon.verify.sandbox.types import CODE_ID, rule_source

__all__ = ["MARKED", "VALIDATED", "validate_file", "validate_prompts"]

MARKED = "qa_feedback"
"""Answers that people marked: no prompts with rubrics, but a file that can be wrong as well."""

VALIDATED = (*PROMPTS, MARKED)
"""What `validate_file` can read."""


@dataclass(slots=True)
class _Tally:
    """What was found so far."""

    ids: set[str] = field(default_factory=set)
    origins: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, Counter[str]] = field(
        default_factory=lambda: {route: Counter() for route in ("program", "code", "judge")}
    )
    unknown: Counter[str] = field(default_factory=Counter)
    lists: dict[str, list[str]] = field(
        default_factory=lambda: {
            name: []
            for name in ("duplicates", "empty_rubrics", "empty_prompts", "no_wording",
                         "bad_arguments", "bad_code", "warnings")
        }
    )  # fmt: skip
    tokens: list[int] = field(default_factory=list)
    prompts: int = 0

    def add(self, prompt: RubricPrompt, tokenizer: Tokenizer | None) -> None:
        """Take one prompt in."""
        self.prompts += 1
        origin = str(prompt.metadata.get("origin") or "")
        self.origins[f"{prompt.source} {origin}".strip() or "no source"] += 1
        if prompt.id in self.ids:
            self.lists["duplicates"].append(prompt.id)
        self.ids.add(prompt.id)
        if not prompt.prompt.strip():
            self.lists["empty_prompts"].append(prompt.id)
        if not len(prompt.rubric):
            self.lists["empty_rubrics"].append(prompt.id)
        self.lists["warnings"] += [
            f"{prompt.id}: {said}" for said in prompt.metadata.get("warnings", ())
        ]
        for criterion in prompt.rubric.criteria:
            self._add_criterion(criterion, f"{prompt.id}/{criterion.id}")
        if tokenizer is not None:
            self.tokens.append(count_tokens(tokenizer, prompt.prompt))

    def _add_criterion(self, one: Criterion, where: str) -> None:
        if _lacks_wording(one):
            self.lists["no_wording"].append(where)
        if one.constraint_id is None:
            self.kinds["judge"][" | ".join(one.tags) or "untagged"] += 1
        elif one.constraint_id == CODE_ID:
            self.kinds["code"][CODE_ID] += 1
            fault = _fault_of_code(one)
            if fault is not None:
                self.lists["bad_code"].append(f"{where}: {fault}")
        else:
            self.kinds["program"][one.constraint_id] += 1
            if not is_known(one.constraint_id):
                self.unknown[one.constraint_id] += 1
                return
            try:
                find_checker(one.constraint_id).validate(one.kwargs)
            except UserError as error:
                self.lists["bad_arguments"].append(f"{where}: {error}")


def _lacks_wording(one: Criterion) -> bool:
    """Whether there is no sentence, or only the id and arguments written as one."""
    if not one.text.strip():
        return True
    if one.constraint_id is None:
        return False
    return one.text == bare_text(one.constraint_id, one.kwargs)


def _fault_of_code(one: Criterion) -> str | None:
    try:
        compile(rule_source(one.kwargs), "<rule>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"
    except UserError as error:
        return str(error)
    return None


def validate_prompts(
    prompts: Iterable[RubricPrompt], name: str, *, spec: str = "",
    bad_rows: list[BadRow] | None = None, tokenizer: Tokenizer | None = None, min_tokens: int = 5,
    max_tokens: int = 2048,
) -> ValidationReport:  # fmt: skip
    """Validate prompts that were read already, or that are read while this goes on.

    Args:
        prompts: The prompts.
        name: What to call the set.
        spec: Where they are from.
        bad_rows: Rows that could not be read; may grow while `prompts` is consumed.
        tokenizer: Measures the prompts; None: their lengths are not looked at.
        min_tokens: A prompt of so many tokens or fewer is too short.
        max_tokens: A prompt of more is too long.
    """
    tally = _Tally()
    for prompt in prompts:
        tally.add(prompt, tokenizer)
    routes = {route: kinds.total() for route, kinds in tally.kinds.items()}
    return ValidationReport(
        name=name, spec=spec, prompts=tally.prompts, criteria=sum(routes.values()),
        origins=dict(sorted(tally.origins.items())), routes=routes,
        kinds={route: dict(kinds.most_common()) for route, kinds in tally.kinds.items()},
        bad_rows=tuple(bad_rows or ()), unknown_ids=dict(tally.unknown.most_common()),
        tokens=tuple(sorted(tally.tokens)), min_tokens=min_tokens, max_tokens=max_tokens,
        **{name: tuple(found) for name, found in tally.lists.items()},
    )  # fmt: skip


def validate_file(
    name: str, spec: str | Path, *, tokenizer: Tokenizer | None = None, min_tokens: int = 5,
    max_tokens: int = 2048,
) -> ValidationReport:  # fmt: skip
    """Read a set of prompts to its end, whatever is wrong in it, and report.

    Args:
        name: One of `VALIDATED`, such as "hir".
        spec: A file, a folder (of a set of several files) or a hub id.
        tokenizer: As for `validate_prompts`.
        min_tokens: As for `validate_prompts`.
        max_tokens: As for `validate_prompts`.

    Raises:
        UserError: The name is not known, nothing is there, or the hub cannot be reached.
    """
    if name not in VALIDATED:
        raise UserError(f"data set: expected one of {', '.join(sorted(VALIDATED))}; got {name!r}")
    bad_rows: list[BadRow] = []

    def note(error: DataError) -> None:
        bad_rows.append(
            BadRow(path=error.path, row=error.row, field=error.field, problem=error.problem)
        )

    if name == MARKED:
        return _validate_marked(spec, note, bad_rows)
    dataset = PROMPTS[name]

    def read() -> Iterable[RubricPrompt]:
        try:
            for row in dataset.rows(spec, on_bad=note):
                try:
                    prompt = dataset.parse(row)
                except DataError as error:
                    note(error)
                    continue
                yield prompt
        except DataError as error:  # the file as a whole: broken compression, no JSON
            note(error)

    return validate_prompts(
        read(), name, spec=str(spec), bad_rows=bad_rows, tokenizer=tokenizer,
        min_tokens=min_tokens, max_tokens=max_tokens,
    )  # fmt: skip


def _validate_marked(spec: str | Path, note: OnBad, bad_rows: list[BadRow]) -> ValidationReport:
    """Count the marks of people by their kind: each is what a criterion is elsewhere."""
    kinds: Counter[str] = Counter()
    answers = 0
    try:
        for one in read_marked(spec, on_bad=note):
            answers += 1
            kinds.update(mark.kind for mark in one.marks)
    except DataError as error:  # the file as a whole
        note(error)
    return ValidationReport(
        name=MARKED, spec=str(spec), prompts=answers, criteria=kinds.total(),
        origins={MARKED: answers}, routes={"people": kinds.total()},
        kinds={"people": dict(kinds.most_common())}, bad_rows=tuple(bad_rows),
    )  # fmt: skip
