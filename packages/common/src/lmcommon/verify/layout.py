"""Shape of a response: bullets, highlights, sections, title (IFEval's `detectable_format`)."""

from __future__ import annotations

import json
import re

from lmcommon.verify.fields import COUNT, TEXT
from lmcommon.verify.types import Finding, Span, checker

__all__ = ["CHECKERS"]

_BULLETS = (re.compile(r"^\s*\*[^*].*$", re.MULTILINE), re.compile(r"^\s*-.*$", re.MULTILINE))
_CHOICES = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_EMPHASIS = re.compile(r"\*[^\n*]*\*")
_STRONG = re.compile(r"\*\*[^\n*]*\*\*")
_TITLE = re.compile(r"<<[^\n]+>>")
_FENCES = ("```json", "```Json", "```JSON", "```")


@checker("detectable_format:number_bullet_lists",
         "There are exactly {num_bullets} bullet points (* or -).", num_bullets=COUNT,
         scope="global")  # fmt: skip
def number_bullet_lists(response: str, *, num_bullets: int) -> Finding:
    """The spans are all bullet points, without the white space before them."""
    found = [match for pattern in _BULLETS for match in pattern.finditer(response)]
    spans = tuple(sorted(_trimmed(response, match.span()) for match in found))
    return Finding(len(spans) == num_bullets, spans)


@checker("detectable_format:constrained_response", f"One of these occurs: {' / '.join(_CHOICES)}")
def constrained_response(response: str) -> Finding:
    """The spans are the answers that occur."""
    spans = (
        match.span() for option in _CHOICES for match in re.finditer(re.escape(option), response)
    )
    found = tuple(sorted(spans))
    return Finding(bool(found), found)


@checker("detectable_format:number_highlighted_sections",
         "At least {num_highlights} sections are highlighted, like *this*.",
         num_highlights=COUNT)  # fmt: skip
def number_highlighted_sections(response: str, *, num_highlights: int) -> Finding:
    """The spans are the highlighted sections, markers included. Empty ones do not count."""
    spans = tuple(
        match.span()
        for pattern in (_EMPHASIS, _STRONG)
        for match in pattern.finditer(response)
        if match.group().strip("*").strip()
    )
    return Finding(len(spans) >= num_highlights, tuple(sorted(spans)))


@checker("detectable_format:multiple_sections",
         "There are at least {num_sections} sections, each headed {section_spliter} and a number.",
         section_spliter=TEXT, num_sections=COUNT)  # fmt: skip
def multiple_sections(response: str, *, section_spliter: str, num_sections: int) -> Finding:
    """The spans are the section headings, such as "Section 2"."""
    heading = re.compile(rf"{re.escape(section_spliter.strip())}\s?\d+")
    spans = tuple(match.span() for match in heading.finditer(response))
    return Finding(len(spans) >= num_sections, spans)


@checker("detectable_format:json_format", "The whole response is JSON.", scope="global")
def json_format(response: str) -> Finding:
    """JSON, perhaps in a Markdown fence. The span of a violation is where reading failed."""
    text = response.strip()
    for fence in _FENCES:
        text = text.removeprefix(fence)
    text = text.removesuffix("```").strip()
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        at = response.find(text) + min(error.pos, max(len(text) - 1, 0))
        return Finding(False, ((at, min(at + 1, len(response))),))
    except (RecursionError, ValueError):
        return Finding(False)
    return Finding(True)


@checker("detectable_format:title", "There is a title in double angular brackets, like <<title>>.")
def title(response: str) -> Finding:
    """The spans are the titles, brackets included. An empty title does not count."""
    spans = tuple(
        match.span()
        for match in _TITLE.finditer(response)
        if match.group().lstrip("<").rstrip(">").strip()
    )
    return Finding(bool(spans), spans)


def _trimmed(text: str, span: Span) -> Span:
    start, end = span
    while start < end and text[start].isspace():
        start += 1
    return start, end


CHECKERS = (
    number_bullet_lists, constrained_response, number_highlighted_sections, multiple_sections,
    json_format, title,
)  # fmt: skip
