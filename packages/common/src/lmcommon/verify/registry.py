"""Which program checks exist.

An unknown id is an error that lists near matches: a check that silently passes (or silently goes
to a language model) would turn into a wrong reward.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from lmcommon.errors import UserError
from lmcommon.verify.types import Checker, Scope

__all__ = ["find_checker", "is_known", "known_ids", "scope_of"]

_GROUPS = (
    "case", "combination", "content", "followbench", "keywords", "language", "layout", "length",
    "muldimif", "punctuation", "startend", "words",
    "ifbench.count", "ifbench.custom", "ifbench.letters", "ifbench.lines", "ifbench.marks",
    "ifbench.places", "ifbench.ratio", "ifbench.repeat", "ifbench.sentence", "ifbench.tables",
)  # fmt: skip


@cache
def _catalogue() -> dict[str, Checker]:
    checkers: dict[str, Checker] = {}
    for group in _GROUPS:
        for checker in import_module(f"lmcommon.verify.{group}").CHECKERS:
            assert checker.id not in checkers, checker.id
            checkers[checker.id] = checker
    return checkers


def known_ids() -> tuple[str, ...]:
    """Every constraint id that `check` knows, sorted."""
    return tuple(sorted(_catalogue()))


def is_known(constraint_id: str) -> bool:
    """Whether `check` knows this id."""
    return constraint_id in _catalogue()


def find_checker(constraint_id: str) -> Checker:
    """The checker of an id.

    Raises:
        UserError: No such id; the message lists near matches.
    """
    catalogue = _catalogue()
    if constraint_id not in catalogue:
        near = difflib.get_close_matches(str(constraint_id), catalogue, n=3, cutoff=0.5)
        hint = f"did you mean one of {near}?" if near else "see lmcommon.verify.known_ids()"
        raise UserError(
            f"constraint id: expected one of {len(catalogue)} known ids, "
            f"got {constraint_id!r}; {hint}"
        )
    return catalogue[constraint_id]


def scope_of(constraint_id: str, kwargs: Mapping[str, Any] | None = None) -> Scope:
    """What the spans of this constraint's verdicts are evidence of.

    Args:
        constraint_id: One of `known_ids()`.
        kwargs: Its arguments; the scope of a few constraints depends on them.

    Raises:
        UserError: No such id (near matches are listed), bad arguments, or arguments that are
            needed and were not given.
    """
    checker = find_checker(constraint_id)
    if not callable(checker.scope):
        return checker.scope
    if kwargs is None:
        raise UserError(
            f"constraint {constraint_id!r}: its scope depends on its arguments; expected kwargs, "
            "got none"
        )
    return checker.scope(**checker.validate(kwargs))
