"""Reading one example: from its headings to what it shows, whoever wrote it.

In: the text of an example. Out: a `Record`. Headings are told by their words, not by their maker;
a right answer is found under a heading of its own or in a sentence ("the right answer is ...").
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lmcommon.judge.hedging import abstention
from memtrace.faultbench.prompting.reflecting.comparing import gives
from memtrace.faultbench.prompting.reflecting.types import Record

__all__ = ["record_of", "right_in"]

_HEADING = re.compile(r"^## (.+?) *$", re.MULTILINE)
_TAG = re.compile(r"<(\w+)>\n?(.*?)\n?</\1>", re.DOTALL)
_LABEL = re.compile(
    r"^(?:#+ )?((?:the )?(?:question|right answer|correct answer|reference answer|expected answer|"
    r"gold answer|prediction|predicted answer|answer given|given answer|system'?s? answer|"
    r"model'?s? answer|answer|(?:operation'?s? )?inputs?|(?:operation'?s? |generated )?outputs?|"
    r"feedback|had to survive))\s*:?[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_SORTS = (
    ("kept", re.compile(r"\bkept\b|must not change", re.I)),
    ("told", re.compile(r"feedback", re.I)),
    ("right", re.compile(
        r"(?:right|correct|gold|reference|expected|true)\W*(?:final )?answer|^(?:gold|"
        r"reference)$", re.I)),
    ("question", re.compile(r"^(?:the )?question", re.I)),
    ("said", re.compile(r"predict|(?:given|system|model|final)\S* answer|"
        r"^(?:the )?answer(?: given)?$", re.I)),
    ("inputs", re.compile(r"\binputs?\b", re.I)),
    ("outputs", re.compile(r"\boutputs?\b|\bresponse\b", re.I)),
)  # fmt: skip
_PROVES = re.compile(
    r"proof|prove|surviv|repair|lost|loss|counterfactual|change|evidence|blame|guilty|verdict|"
    r"score|"
    r"wrong|where|why",
    re.IGNORECASE,
)
"""Headings of further evidence."""
_RIGHT = re.compile(
    r"(?:right|correct|expected|reference|gold(?:en)?|true|ground[- ]truth)(?: final)? answer"
    r"(?: (?:here|to it))?(?: (?:is|was|would be|would have been|should be|should have been))?"
    r"\s*(?:is )?:?\s*(?P<text>[^\n]+)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"'“‘`](.+?)[\"'”’`](?=[\s.,;:)]|$)")
_ENDS = re.compile(r"\.(?:\s|$)|; |, (?:but|not|and)\b| but | instead | \(|, which")
_NOTHING = re.compile(
    r"has no answer|no right answer|cannot be answered|\bunanswerable|not answerable|"
    r"should (?:have )?(?:abstain|(?:say|said|admit\w*) (?:\w+ ){0,4}not know)|"
    r"(?:right|correct) (?:answer )?(?:is|was|would be|would have been) to abstain|"
    r"(?:nothing|never) (?:\w+ )*(?:said|told|tells) (?:\w+ )*(?:answer|it)",
    re.IGNORECASE,
)
_NONE = re.compile(r"^\W*(?:none|null|nothing|no answer|abstain\w*)\b", re.IGNORECASE)
_QUESTION = re.compile(r"(?:^|\n)#* *[Qq]uestion\b[^\n:?]{0,30}:?\s*([^\n]+\?)")
_ANY_QUESTION = re.compile(
    r"(?:^|[\n:\"'] ?)((?:What|Which|Where|When|Who|How|On which|In which|Does|Is|Did)\b[^\n?]+\?)"
)
_WRONG = re.compile(r"wrong|incorrect|not (?:right|correct)|fail|lost|missing|should", re.I)
_FINE = re.compile(r"\b(?:right|correct|good|kept|fine)\b", re.I)


def record_of(text: str) -> Record:
    """What an example shows."""
    found: dict[str, list[str]] = {}
    for heading, body in _parts(text):
        found.setdefault(_sort(heading), []).append(
            body if _sort(heading) in ("told", "inputs", "outputs") else body.strip()
        )
    joined = {sort: "\n".join(parts).strip() for sort, parts in found.items()}
    told, evidence = joined.get("told", ""), joined.get("evidence", "")
    inputs = joined.get("inputs", "")
    right = _answer_of(joined["right"]) if joined.get("right") else right_in(f"{told}\n{evidence}")
    is_blamed = _WRONG.search(told) is not None
    is_right = bool(right) and gives(joined.get("said", ""), right or "")
    is_fine = not is_blamed and (
        is_right or "kept" in found or (not right and _FINE.search(told) is not None)
    )
    return Record(
        question=_question(joined.get("question", ""), inputs, f"{told}\n{evidence}"),
        right=right, said=joined.get("said", ""), inputs=inputs,
        outputs=joined.get("outputs", ""), told=told, evidence=evidence,
        is_failure=not is_fine,
    )  # fmt: skip


def right_in(text: str) -> str | None:
    """The right answer that a text tells; None if it is to abstain, empty if none is told."""
    if _NOTHING.search(text):
        return None
    found = _RIGHT.search(text)
    return _answer_of(found["text"]) if found else ""


def _answer_of(text: str) -> str | None:
    line = text.strip().splitlines()[0].strip() if text.strip() else ""
    quoted = _QUOTED.match(line)
    if quoted:
        line = quoted[1]
    elif end := _ENDS.search(line):
        line = line[: end.start()]
    line = line.strip().strip("\"'`*").rstrip(".")
    if _NONE.match(line) or abstention(line):
        return None
    return line


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Headings and what stands below them; a heading that tells nothing belongs to the data."""
    headings = [one for one in _HEADING.finditer(text) if _tells(one[1])]
    if headings:
        ends = [*(one.start() for one in headings[1:]), len(text)]
        yield "", text[: headings[0].start()]
        yield from (
            (one[1], text[one.end() : end]) for one, end in zip(headings, ends, strict=True)
        )
        return
    tagged = _TAG.findall(text)
    yield from ((name.replace("_", " "), body) for name, body in tagged)
    pieces = _LABEL.split(_TAG.sub("", text))
    yield "", pieces[0]
    yield from zip(pieces[1::2], pieces[2::2], strict=True)


def _tells(heading: str) -> bool:
    return _sort(heading) != "evidence" or _PROVES.search(heading) is not None


def _sort(heading: str) -> str:
    return next((sort for sort, words in _SORTS if words.search(heading)), "evidence")


def _question(given: str, inputs: str, elsewhere: str) -> str:
    """Under its heading, else the last that the inputs name one, else any in the text."""
    if given:
        return given.splitlines()[0].strip()
    for text in (inputs, elsewhere):
        if named := _QUESTION.findall(text):
            return str(named[-1]).strip()
    for text in (elsewhere, inputs):
        if asked := _ANY_QUESTION.findall(text):
            return str(asked[-1]).strip()
    return ""
