"""Several requirements in one sentence: all of them must hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmcommon.errors import UserError
from lmcommon.verify.fields import Field
from lmcommon.verify.muldimif import contents, formats, languages, lengths
from lmcommon.verify.types import Checker, Finding, Scope, checker

__all__ = ["CHECKERS"]

_PARTS: Mapping[str, Checker] = {
    one.id: one for group in (contents, formats, languages, lengths) for one in group.CHECKERS
}
Part = tuple[Checker, dict[str, Any]]


def _parts(value: object) -> tuple[Part, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(value)
    parts = []
    for one in value:
        if not isinstance(one, Mapping) or one.keys() != {"id", "kwargs"}:
            raise ValueError(one)
        part = _PARTS.get(one["id"])
        if part is None or not isinstance(one["kwargs"], Mapping):
            raise ValueError(one)
        try:
            parts.append((part, part.validate(one["kwargs"])))
        except UserError as error:
            raise ValueError(str(error)) from error
    return tuple(parts)


PARTS = Field('a list of {"id": a muldimif id, "kwargs": its arguments}', _parts)


def _say(*, parts: tuple[Part, ...]) -> str:
    return " ".join(part.describe(kwargs) for part, kwargs in parts)


def _scope(*, parts: tuple[Part, ...]) -> Scope:
    """That of the parts, if they have one in common."""
    scopes: set[Scope] = {
        part.scope(**kwargs) if callable(part.scope) else part.scope for part, kwargs in parts
    }
    return scopes.pop() if len(scopes) == 1 else "global"


@checker("muldimif:all", _say, parts=PARTS, scope=_scope)
def all_of(response: str, *, parts: tuple[Part, ...]) -> Finding:
    """Every part holds. The spans are those of the parts that do not (of all, if all do).

    If the whole response decides one of these parts, the spans are None.
    """
    findings = [part.find(response, **kwargs) for part, kwargs in parts]
    wrong = [one for one in findings if not one.satisfied]
    spans = [one.spans for one in wrong or findings]
    known = [each for each in spans if each is not None]
    if len(known) < len(spans):
        return Finding(not wrong)
    return Finding(not wrong, tuple(sorted({span for each in known for span in each})))


CHECKERS = (all_of,)
