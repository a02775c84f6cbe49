"""Lines, lists and fixed answers (the rest of IFBench's `format` group)."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from itertools import pairwise

from lmcommon.verify.fields import TEXT
from lmcommon.verify.ifbench.tokens import EDGES, PUNCTUATION, Piece
from lmcommon.verify.sentences import count_sentences
from lmcommon.verify.types import Finding, Span, checker

__all__ = ["CHECKERS"]

_LETTERED = re.compile(r"\W*[aA]\W*[bB]\W*[cC]\W*")
_LABELS = ("My Answer:", "My Conclusion:", "Future Outlook:")


def _lines(text: str) -> list[Piece]:
    """The lines of `text`, empty ones too."""
    pieces, start = [], 0
    for line in text.split("\n"):
        pieces.append(Piece(line, (start, start + len(line))))
        start += len(line) + 1
    return pieces


def _occurrences(text: str, wanted: str) -> list[Span]:
    return [match.span() for match in re.finditer(re.escape(wanted), text)]


@checker("format:line_indent", "Each line is indented further than the one before, like stairs.")
def line_indent(response: str) -> Finding:
    """Spaces count. As in IFBench the line after a blank one is never seen to be blank.

    Of two blank lines in a row one so stays, and breaks the stairs. The span of a violation is the
    first line that is not indented further.
    """
    lines = _without_blanks(_lines(response))
    for before, line in pairwise(lines):
        if _indent(line.text) <= _indent(before.text):
            return Finding(False, (line.span,) if line.text else ())
    return Finding(True)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _without_blanks(lines: list[Piece]) -> list[Piece]:
    """What is left when lines are removed by their text from the list that is walked over."""
    kept: list[Piece | None] = []
    blanks: defaultdict[str, deque[int]] = defaultdict(deque)
    walk = iter(lines)
    for line in walk:
        if line.text.strip():
            kept.append(line)
            continue
        if blanks[line.text]:  # the first of the same text goes, not this one
            kept[blanks[line.text].popleft()] = None
            blanks[line.text].append(len(kept))
            kept.append(line)
        if (skipped := next(walk, None)) is not None:
            if not skipped.text.strip():
                blanks[skipped.text].append(len(kept))
            kept.append(skipped)
    return [line for line in kept if line is not None]


@checker("format:list", "The answer is a list whose items are marked with {sep}", sep=TEXT)
def marked_list(response: str, *, sep: str) -> Finding:
    """The mark occurs at least twice, anywhere. The spans are the marks."""
    spans = tuple(_occurrences(response, sep))
    return Finding(len(spans) >= 2, spans)


@checker("format:newline", "Every word stands on a line of its own.")
def newline(response: str) -> Finding:
    """Punctuation aside. The spans of a violation are the lines with more words, or only blanks."""
    text = _bare(response).strip()
    if len([line for line in text.split("\n") if line]) == len(text.split()):
        return Finding(True)
    bare = [(line.span, _bare(line.text)) for line in _lines(response)]
    return Finding(False, tuple(span for span, line in bare if line and len(line.split()) != 1))


def _bare(text: str) -> str:
    return "".join(char for char in text if char not in PUNCTUATION)


@checker(
    "format:no_bullets_bullets",
    "At least two sentences that end in a period come before at least two bullet points (*).",
)
def no_bullets_bullets(response: str) -> Finding:
    """Nothing but bullets may follow a blank line or a bullet. The spans are the bullets."""
    lines = _lines(response)
    bullets = [line for line in lines if line.text.strip().startswith("*")]
    spans = tuple((line.span[1] - len(line.text.lstrip()), line.span[1]) for line in bullets)
    return Finding(len(bullets) >= 2 and _comes_first(lines), spans)


def _comes_first(lines: list[Piece]) -> bool:
    """Whether two sentences come before the first bullet, and only bullets after them."""
    number, is_prose = 0, True
    for line in lines:
        text = line.text.strip()
        if text.startswith("*"):
            if number < 2:
                return False
            is_prose = False
        elif not is_prose:
            return False
        else:
            found = count_sentences(text)
            number, is_prose = number + found, found > 0
    return True


@checker("format:sub-bullets", "Every bullet point (*) has at least one sub-bullet (-).")
def sub_bullets(response: str) -> Finding:
    """A "-" between each asterisk and the next; no asterisk at all passes, as in IFBench.

    The spans are the asterisks, of a violation only those without a "-" after them.
    """
    stars = [at for at, char in enumerate(response) if char == "*"]
    ends = [*stars[1:], len(response)]
    wrong = [at for at, end in zip(stars, ends, strict=False) if "-" not in response[at:end]]
    return Finding(not wrong, tuple((at, at + 1) for at in wrong or stars))


@checker("format:thesis", "The response has a thesis statement in HTML italics, then other text.")
def thesis(response: str) -> Finding:
    """Only the first pair of <i> or <em> is looked at. The span is the thesis with its tags."""
    opening = next((tag for tag in ("<i>", "<em>") if tag in response), None)
    if opening is None:
        return Finding(False, ())
    start = response.find(opening)
    closing = next((tag for tag in ("</i>", "</em>") if tag in response[start:]), None)
    if closing is None:
        return Finding(False, ())
    end = response.find(closing, start)
    # As in IFBench three and four characters are the tags, of <em> too.
    is_right = bool(response[start + 3 : end].strip() and response[end + 4 :].strip())
    return Finding(is_right, ((start, end + len(closing)),))


@checker("format:options", "The answer is one of these options: {options}", options=TEXT)
def options(response: str, *, options: str) -> Finding:
    """Options are parted by "/", else by "or", else by commas. Case and outer punctuation do not
    matter, unless the options are lettered a, b, c. The whole response decides.
    """
    mark = next((mark for mark in ("/", "or") if mark in options), ",")
    allowed = [option.strip() for option in options.split(mark)]
    if _LETTERED.match(options):
        return Finding(response in allowed)
    given = response.strip(EDGES).lower()
    return Finding(given in [option.strip(EDGES).lower() for option in allowed])


@checker("format:output_template", f"The response has the parts {', '.join(_LABELS)}")
def output_template(response: str) -> Finding:
    """All three labels occur, in any order. The spans are the labels."""
    found = [_occurrences(response, label) for label in _LABELS]
    return Finding(all(found), tuple(sorted(span for spans in found for span in spans)))


CHECKERS = (
    line_indent, marked_list, newline, no_bullets_bullets, sub_bullets, thesis, options,
    output_template,
)  # fmt: skip
