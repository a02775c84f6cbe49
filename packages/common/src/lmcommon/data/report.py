"""What a validator found in a set of prompts: counts, and everything that is wrong with it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["BadRow", "ValidationReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that could not be read. Example: `BadRow(path="a.jsonl", row=3, field="id", ...)`."""

    path: str
    row: int | None
    """From 0; None: the file as a whole."""
    field: str | None
    problem: str

    def __str__(self) -> str:
        where = [self.path]
        if self.row is not None:
            where.append(f"row {self.row}")
        if self.field is not None:
            where.append(f"field {self.field!r}")
        return f"{', '.join(where)}: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """What a set contains and what is wrong with it.

    Example: `validate_file("hir", "rows.jsonl").lines()`
    """

    name: str
    spec: str
    prompts: int
    """Rows that could be read."""
    criteria: int
    origins: Mapping[str, int]
    """Prompts by source (and by origin, in a set of several)."""
    routes: Mapping[str, int]
    """Criteria by what decides them: program, code (in a sandbox), judge; people, who marked."""
    kinds: Mapping[str, Mapping[str, int]]
    """For each route, criteria by constraint id or, for a judge, by tags."""
    bad_rows: Sequence[BadRow] = ()
    duplicates: Sequence[str] = ()
    """Ids that came before; the later row is read all the same."""
    empty_rubrics: Sequence[str] = ()
    empty_prompts: Sequence[str] = ()
    no_wording: Sequence[str] = ()
    """`prompt id/criterion id` of criteria without a sentence."""
    unknown_ids: Mapping[str, int] = field(default_factory=dict)
    """Constraint ids that no check of ours has."""
    bad_arguments: Sequence[str] = ()
    """Criteria whose check refuses its arguments, and why."""
    bad_code: Sequence[str] = ()
    """Rules that are no valid Python, and why. They are compiled, not run."""
    warnings: Sequence[str] = ()
    """What the reader noted, such as prose that no program checks."""
    tokens: Sequence[int] = ()
    """Length of each prompt, sorted; empty without a tokenizer."""
    min_tokens: int = 5
    max_tokens: int = 2048

    @property
    def too_short(self) -> int:
        """Prompts of `min_tokens` or fewer."""
        return sum(count <= self.min_tokens for count in self.tokens)

    @property
    def too_long(self) -> int:
        """Prompts of more than `max_tokens`."""
        return sum(count > self.max_tokens for count in self.tokens)

    @property
    def faults(self) -> Mapping[str, int]:
        """How much of each kind is wrong. Warnings and lengths are no faults."""
        return {
            "malformed_rows": len(self.bad_rows), "duplicate_ids": len(self.duplicates),
            "empty_rubrics": len(self.empty_rubrics), "empty_prompts": len(self.empty_prompts),
            "no_wording": len(self.no_wording), "unknown_ids": sum(self.unknown_ids.values()),
            "bad_arguments": len(self.bad_arguments), "bad_code": len(self.bad_code),
        }  # fmt: skip

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.faults.values())

    def figures(self) -> dict[str, Any]:
        """Everything as JSON values, the headline figures first."""
        return {
            "data": self.name, "spec": self.spec, "prompts": self.prompts,
            "criteria": self.criteria, **{f"by_{k}": n for k, n in self.routes.items()},
            **self.faults, "faults": sum(self.faults.values()), "warnings": len(self.warnings),
            **self._lengths(), "origins": dict(self.origins),
            "kinds": {route: dict(kinds) for route, kinds in self.kinds.items()},
            "details": {name: list(map(str, found)) for name, found in self._details()},
        }  # fmt: skip

    def _lengths(self) -> dict[str, Any]:
        if not self.tokens:
            return {}
        last = len(self.tokens) - 1
        return {
            "tokens_least": self.tokens[0], "tokens_median": statistics.median(self.tokens),
            "tokens_p95": self.tokens[round(0.95 * last)], "tokens_most": self.tokens[-1],
            "too_short": self.too_short, "too_long": self.too_long,
            "kept_by_length": len(self.tokens) - self.too_short - self.too_long,
        }  # fmt: skip

    def _details(self) -> list[tuple[str, Sequence[object]]]:
        unknown = [f"{name} ({count})" for name, count in self.unknown_ids.items()]
        return [
            ("malformed rows", self.bad_rows), ("duplicate ids", self.duplicates),
            ("empty rubrics", self.empty_rubrics), ("empty prompts", self.empty_prompts),
            ("without wording", self.no_wording), ("unknown ids", unknown),
            ("bad arguments", self.bad_arguments), ("bad code", self.bad_code),
            ("warnings", self.warnings),
        ]  # fmt: skip

    def lines(self, *, most: int | None = 20) -> list[str]:
        """The report as plain lines.

        Args:
            most: Of each list of details and of kinds, show so many; None: all. Malformed rows are
                always all shown.
        """
        said = [f"{self.name}: {self.prompts} prompts, {self.criteria} criteria ({self.spec})"]
        said += [f"  {name}: {count} prompts" for name, count in self.origins.items()]
        for route, count in self.routes.items():
            share = f" ({count / self.criteria:.1%})" if self.criteria else ""
            said.append(f"by {route}: {count}{share}")
            kinds = [f"{kind}: {number}" for kind, number in self.kinds.get(route, {}).items()]
            said += _cut(kinds, most)
        said += self._length_lines()
        for name, found in self._details():
            if found:
                said.append(f"{name}: {len(found)}")
                said += _cut(list(map(str, found)), None if found is self.bad_rows else most)
        said.append("nothing is wrong" if self.is_clean else f"faults: {sum(self.faults.values())}")
        return said

    def _length_lines(self) -> Iterator[str]:
        figures = self._lengths()
        if figures:
            yield (
                "prompt tokens: {tokens_least} to {tokens_most}, median {tokens_median:g}, "
                "95 % up to {tokens_p95}".format(**figures)
            )
            yield (
                f"length filter ({self.min_tokens} < tokens <= {self.max_tokens}): "
                "{kept_by_length} kept, {too_short} too short, {too_long} too long"
            ).format(**figures)


def _cut(found: Sequence[str], most: int | None) -> list[str]:
    shown = found if most is None else found[:most]
    rest = len(found) - len(shown)
    return [f"  {one}" for one in shown] + ([f"  ... and {rest} more"] if rest else [])
