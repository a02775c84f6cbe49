"""Is the label to be doubted? The evidence check, and questions with several answers.

In: a case with its evidence turns. Out: a `Doubt`, one sentence with the data, or None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lmcommon.judge.hedging import abstention
from memtrace.attribution.case import Case
from memtrace.attribution.facts import FIRST_PERSON, Witness
from memtrace.attribution.grounding import ends_it, follows, is_conclusion, says
from memtrace.attribution.matching import content_words, normal_words
from memtrace.attribution.naming import own_words, speaker_of

__all__ = ["Doubt", "doubt"]

_SOMEBODY = re.compile(
    r"\b(?:the (?:friend|colleague|co-?worker|neighbou?r|classmate|flatmate|room-?mate|person|man"
    r"|woman|guy|speaker|user|partner|relative)(?:'s)?|he|she|his|her|(?:one|any) of them"
    r"|some(?:body|one)|any(?:body|one))\b",
    re.IGNORECASE,
)
"""Somebody whom the question does not name."""
_DESCRIBED = re.compile(r"\w (?:who|whom|whose|that|with) ", re.IGNORECASE)
"""The question says by what to know the person."""
_ADDRESSES = frozenset({"you", "your", "youre", "youve", "yours"})
Flag = Literal["wrong gold", "unanswerable", "ambiguous"]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why the label is doubted. Example: `Doubt("wrong gold", "D1:3 says Lisbon, not 'Porto'")`"""

    flag: Flag
    why: str


def doubt(case: Case) -> Doubt | None:
    """What is wrong with the label of a case whose answer differs from the gold answer."""
    if case.gold is None:
        return None
    return _wrong_gold(case, case.gold) or _unanswerable(case, case.gold) or _ambiguous(case)


def _wrong_gold(case: Case, gold: str) -> Doubt | None:
    """The evidence gives the prediction, and not the gold answer."""
    turns, said = case.witnesses, case.prediction
    if not case.asked.evidence or not turns:
        return None
    names = ", ".join(turn.name for turn in turns)
    if _is_about_speakers(case, turns):
        return Doubt(
            "wrong gold", f"{names}: who speaks there speaks of himself, of nobody asked for"
        )
    if abstention(said) is not None:
        return None
    if "still" in normal_words(case.question) and ends_it(turns[-1].text):
        is_yes, says_no = _polarity(gold) is True, _polarity(said) is False
        if is_yes and says_no:
            return Doubt("wrong gold", f"{turns[-1].name} says that it is over, not {gold!r}")
    is_given = follows(gold, turns, case.question)
    is_given = False if _contrasts(gold, said, turns) else is_given
    if is_given is False and follows(said, turns, case.question):
        return Doubt("wrong gold", f"{names} give {said!r}, and nothing of the gold {gold!r}")
    if is_given and _is_about_another(case, gold, turns):
        return Doubt("wrong gold", f"in {names} the gold answer {gold!r} is said of somebody else")
    return None


def _is_about_speakers(case: Case, turns: Sequence[Witness]) -> bool:
    """All turns are said by others than the one person that is asked about, of themselves."""
    words = _words(case.question)
    asked = {name for name in case.reader.speakers if set(name.split()) <= words}
    if len(asked) != 1:
        return False
    for turn in turns:
        said = _words(own_words(turn.text))
        if _is_of(turn, asked) or not said & FIRST_PERSON or said & _ADDRESSES:
            return False
    return True


def _contrasts(gold: str, said: str, turns: Sequence[Witness]) -> bool:
    """Both name a thing of one sort ("film society"), and the turns have one's own words alone."""
    words = [normal_words(text) for text in (gold, said)]
    if not all(words) or words[0][-1] != words[1][-1]:
        return False
    mine, theirs = (content_words(text) for text in (gold, said))
    told = frozenset[str]().union(*(content_words(turn.text) for turn in turns))
    return bool(mine - theirs) and not (mine - theirs) & told and bool((theirs - mine) & told)


def _is_about_another(case: Case, gold: str, turns: Sequence[Witness]) -> bool:
    """The gold answer is said of another person than is asked about, the prediction of that one."""
    asked = {name for name in case.reader.speakers if set(name.split()) <= _words(case.question)}
    if len(asked) != 1:
        return False
    gives = [turn for turn in turns if says(gold, turn.text)]
    others = [turn for turn in turns if says(case.prediction, turn.text)]
    return bool(gives and others) and not any(_is_of(turn, asked) for turn in gives) and any(
        _is_of(turn, asked) for turn in others
    )  # fmt: skip


def _is_of(turn: Witness, asked: set[str]) -> bool:
    return speaker_of(turn.text) in asked or any(
        set(name.split()) <= _words(own_words(turn.text)) for name in asked
    )


def _unanswerable(case: Case, gold: str) -> Doubt | None:
    """The label cites nothing, nothing that was ever said gives it, and the system said so."""
    if abstention(case.prediction) is None or is_conclusion(case.question):
        return None
    if case.asked.evidence != () or _polarity(gold) is not None:
        return None
    if any(says(gold, case.reader.text(identifier)) for identifier in _messages(case)):
        return None
    return Doubt("unanswerable", f"no message of the history says {gold!r}")


def _ambiguous(case: Case) -> Doubt | None:
    """Another person's statement answers the question as well, which names neither."""
    asked = _words(case.question)
    known = {word for name in case.reader.speakers for word in name.split()} | case.reader.names
    if abstention(case.prediction) is not None or asked & known or not case.witnesses:
        return None
    if _DESCRIBED.search(case.question):
        return None
    told = {turn.variable for turn in case.witnesses}
    question = content_words(case.question)
    best = max(len(question & content_words(turn.text)) for turn in case.witnesses)
    is_vague = _SOMEBODY.search(case.question) is not None
    for identifier in _messages(case):
        text = case.reader.text(identifier)
        if identifier in told or not says(case.prediction, text):
            continue
        if not _is_of_another(case, text):
            continue
        if is_vague or len(question & content_words(text)) >= max(1, best):
            name = case.reader.variable(identifier).name or identifier
            return Doubt(
                "ambiguous", f"the question names nobody, and {name} gives {case.prediction!r} as "
                f"well as {case.witnesses[0].name} gives {case.gold!r}",
            )  # fmt: skip
    return None


def _is_of_another(case: Case, text: str) -> bool:
    """Whether a turn speaks of another person than the evidence does."""
    speakers = {speaker_of(turn.text) for turn in case.witnesses}
    named = [(content_words(own_words(t)) & case.reader.names) for t in (text, *_texts(case))]
    return speaker_of(text) not in speakers or bool(named[0] - frozenset().union(*named[1:]))


def _texts(case: Case) -> Iterator[str]:
    yield from (turn.text for turn in case.witnesses)


def _messages(case: Case) -> Iterator[str]:
    for identifier in case.back.variables:
        variable = case.reader.variable(identifier)
        if variable.kind == "message" and variable.seq < case.maker.seq:
            yield identifier


def _polarity(text: str) -> bool | None:
    first = normal_words(text)[:1]
    return {"yes": True, "no": False}.get(first[0]) if first else None


def _words(text: str) -> set[str]:
    return set(normal_words(text))
