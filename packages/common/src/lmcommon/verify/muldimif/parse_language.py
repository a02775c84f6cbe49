"""Prose about language: the case of English, the script of Chinese; and length."""

from __future__ import annotations

import re

from lmcommon.verify.muldimif.found import Found, Requirement, each_of
from lmcommon.verify.muldimif.prose import Prose, merged

__all__ = ["parse_case", "parse_chinese", "parse_length"]

_UPPER = re.compile(
    r"upper[ -]?case|all capital letters|capital letters only|\ball caps\b|fully capitalized"
)
_TITLE = re.compile(r"capitali[sz]|capital letter|title[ -]case")
_LOWER = re.compile(r"lower[ -]?case|small letters")
_UNITS = {
    "muldimif:words": r"words?", "muldimif:sentences": r"sentences?",
    "muldimif:paragraphs": r"paragraphs?",
}  # fmt: skip


def parse_case(prose: Prose) -> Found | None:
    """Capitals: of each word, of every letter, of none; and of which part."""
    cases = [
        case
        for case, pattern in (("upper", _UPPER), ("title", _TITLE), ("lower", _LOWER))
        if pattern.search(prose.low)
    ]
    if not cases or prose.has(r"\bnot\b|\bavoid\b|\bno capital"):
        return None
    return Found((Requirement("muldimif:english", {"case": cases[0], "part": _place(prose)}),))


def _place(prose: Prose) -> str:
    if prose.has("json") and prose.has(r"\bkeys?\b"):
        return "keys"
    if prose.has(r"\btables?\b"):
        return "head" if prose.has(r"\bhead(?:er|ing)s?\b") else "cell"
    return "heading" if prose.has(r"\bheadings?\b") else "response"


def parse_length(prose: Prose) -> Found | None:
    """How many words, sentences, paragraphs the response, or each of its items, has."""
    place = each_of(prose)
    requirements, used = [], []
    for constraint, unit in _UNITS.items():
        found = prose.amounts(unit)
        if not found:
            continue
        bounds = merged(found)
        part, target = place or ("", "")
        if bounds is None or not part or part in ("sentence",):
            return None
        used += [spot for quantity in found for spot in quantity.places]
        part = part if part in ("response", "paragraph", "heading", "row") else "item"
        requirements.append(
            Requirement(constraint, {
                "bounds": bounds, "part": part, "target": target if part == "item" else "",
            })
        )  # fmt: skip
    return Found(tuple(requirements), tuple(used)) if requirements else None


def parse_chinese(prose: Prose) -> Found | None:
    """The script that the response is in."""
    simplified = prose.has(r"simplified|简体|簡體")
    traditional = prose.has(r"traditional|繁體|繁体")
    if prose.has(r"\bnot (?:in )?traditional"):
        traditional = False
    if simplified == traditional or prose.quoted:
        return None
    only = prose.has(r"translate the text into|(?:convert|converted) into|must use traditional")
    script = "simplified" if simplified else "traditional"
    return Found((Requirement("muldimif:chinese", {"script": script, "only": only}),))
