"""From a constraint in prose to a check: `parse_constraint(kind, text)`.

A sentence is understood only as a whole: the family of its kind must find something, further
requirements in it ("and ends with a period") are found too, and no number may be left over. What
is not understood gives None, and is for a judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lmcommon.verify.muldimif.found import Found, Requirement
from lmcommon.verify.muldimif.parse_content import parse_ending, parse_identifiers, parse_keywords
from lmcommon.verify.muldimif.parse_format import parse_json, parse_table, parse_xml
from lmcommon.verify.muldimif.parse_language import parse_case, parse_chinese, parse_length
from lmcommon.verify.muldimif.parse_markdown import parse_markdown
from lmcommon.verify.muldimif.prose import Prose, read_prose

__all__ = ["KINDS", "ParsedConstraint", "parse_constraint"]

_Parser = Callable[[Prose], Found | None]
KINDS: Mapping[str, tuple[_Parser, ...]] = {
    "keywords": (parse_keywords, parse_ending, parse_length, parse_case),
    "identifiers": (parse_identifiers,),
    "punctuation": (parse_ending, parse_keywords, parse_length, parse_case),
    "markdown": (parse_markdown, parse_case),
    "json": (parse_json,),
    "xml": (parse_xml,),
    "table": (parse_table, parse_length),
    "english": (parse_case, parse_length, parse_ending),
    "chinese": (parse_chinese,),
    "paragraphs": (parse_length,),
    "sentences": (parse_length, parse_ending),
    "words": (parse_length, parse_keywords, parse_ending, parse_case),
}
"""The twelve kinds: the parser of the kind, then those of what can stand beside it."""
_MAIN_ID = {kind: f"muldimif:{kind}" for kind in ("words", "sentences", "paragraphs")}


@dataclass(frozen=True, slots=True)
class ParsedConstraint:
    """A check for a constraint.

    Example: `parse_constraint("words", "At most 50 words")` is `ParsedConstraint("muldimif:words",
    {"bounds": [None, 50], "part": "response", "target": ""})`.
    """

    constraint_id: str
    kwargs: Mapping[str, Any]
    """JSON values only."""


def parse_constraint(kind: str, text: str) -> ParsedConstraint | None:
    """Read a constraint.

    Args:
        kind: One of the twelve `KINDS`.
        text: The constraint as the data has it.

    Returns:
        The check, `muldimif:all` for several requirements in one sentence; None if the sentence
        is not understood as a whole.

    Raises:
        ValueError: The kind is none of the twelve.
    """
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {sorted(KINDS)}, got {kind!r}")
    prose = read_prose(text)
    main, *beside = KINDS[kind]
    found = main(prose)
    if found is None:
        return None
    wanted = _MAIN_ID.get(kind)
    if wanted and wanted not in {one.id for one in found.requirements}:
        return None
    requirements, used = list(found.requirements), set(found.used)
    for parser in beside:
        more = parser(prose)
        if more is not None:
            requirements += more.requirements
            used |= set(more.used)
    if prose.leftover(used):
        return None
    return _joined(requirements)


def _joined(requirements: list[Requirement]) -> ParsedConstraint:
    parts = [{"id": one.id, "kwargs": _json(dict(one.kwargs))} for one in requirements]
    if len(parts) == 1:
        return ParsedConstraint(parts[0]["id"], parts[0]["kwargs"])
    return ParsedConstraint("muldimif:all", {"parts": parts})


def _json(value: Any) -> Any:
    """Tuples as lists, all the way down: what JSON gives back."""
    if isinstance(value, dict):
        return {key: _json(one) for key, one in value.items()}
    return [_json(one) for one in value] if isinstance(value, list | tuple) else value
