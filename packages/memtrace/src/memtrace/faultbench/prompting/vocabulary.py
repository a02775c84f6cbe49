"""Things that can be kept or left out, and the verbs for it, as data.

Any verb of `KEEPING` or `LEAVING` goes with any of the `THINGS`: "Keep every date and code",
"Numbers can be left out", "Do not drop corrections". All other wordings are in `phrases`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = [
    "COVERS", "DENYING", "HEDGES", "KEEPING", "LEAVING", "MINOR", "NUMBERS", "TASTES", "THINGS",
    "TURNING", "words",
]  # fmt: skip


def words(pattern: str) -> re.Pattern[str]:
    """A pattern for any of several wordings, as whole words in either case."""
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)


THINGS: Mapping[str, re.Pattern[str]] = {
    "dates": words(r"dates?|days?|when (?:\w+ ){1,3}happen(?:s|ed)|points? in time"),
    "codes": words(r"codes?|numbers?|figures?|digits|numerals|sizes?"),
    "corrections": words(r"corrections?|corrected|(?:puts?|putting) (?:\w+ )*right"),
    "changes": words(r"changes?|updates?|newer values?|new values?"),
    "endings": words(
        r"endings?|ends|(?:has|have|that|what) (?:been )?ended|became of (?:\w+)|"
        r"(?:is|are) no more|losses|(?:was|were) (?:lost|sold|given (?:up|away))"
    ),
    "others": words(
        r"(?:other|third) (?:people|persons?|parties)|anybody else|somebody else|"
        r"(?:friends|relatives|people) (?:that )?(?:they|are) mention(?:ed)?"
    ),
    "relations": words(r"relations?(?:hips?)?|who (?:is|are) whose"),
    "tastes": words(r"preferences?|tastes?|favou?rites?|likes"),
    "names": words(r"names?|who is meant"),
}
"""What can be kept or left out, by the words for it."""

COVERS: Mapping[str, tuple[str, ...]] = {
    "changes": ("changes", "corrections", "endings"),
    "others": ("others", "relations"),
    "names": ("names", "others", "relations"),
}
"""Things whose word covers further things."""

KEEPING = words(
    r"keep(?:s|ing)?|kept|not(?:e|es|ing) (?!that)|record(?:s|ed|ing)?|remember(?:s|ed)?|"
    r"stor(?:e|es|ed)|"
    r"includ(?:e|es|ed|ing)|preserv(?:e|es|ed)|writ(?:e|es|ten) down|tak(?:e|es|en) down|"
    r"captur(?:e|es|ed)|cop(?:y|ies|ied)|retain(?:s|ed)?|take (?:\w+ )?into account|mention(?:s|"
    r"ed)? every|"
    r"give out|reveal|tell"
)
LEAVING = words(
    r"(?:leave|leaves|leaving|left) (?:\w+ ){0,4}?(?:out|away|aside)|omit(?:s|ted|ting)?|"
    r"skip(?:s|ped)?|"
    r"ignor(?:e|es|ed|ing)|drop(?:s|ped|ping)?|discard(?:s|ed)?|disregard(?:s|ed)?|"
    r"remov(?:e|es|ed)|strip(?:s|ped)?|exclud(?:e|es|ed)|forget|avoid|"
    r"lose|withhold"
)
TURNING = re.compile(
    r"\b(?:do not|don't|never|not to|must not|should not|no need to|need not|"
    r"cannot)(?: \w+ly)?\s*$|"
    r"\b(?:never|not) (?:be )?$",
    re.IGNORECASE,
)
"""What in front of a verb turns it round."""

DENYING = re.compile(
    r"\b(?:not|never|don't|without|avoid|no) (?:(?!only\b)\w+ ){0,3}$", re.IGNORECASE
)
"""What in front of a phrase says that it does not hold."""

HEDGES = words(
    r"try to|if possible|if you can|where (?:it fits|possible)|perhaps|maybe|mindful|"
    r"consider|ideally|when convenient|may (?:matter|be useful|be of interest)|pay attention to|"
    r"be aware"
)
"""A sentence that only wishes settles nothing."""

NUMBERS: Mapping[str, int] = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "eight": 8, "ten": 10,
}  # fmt: skip

TASTES = frozenset({"dish", "drink", "book", "hobby"})
"""Topics of the generated language that are preferences."""
MINOR = frozenset({
    "dish", "drink", "door_color", "door_code", "shoe_size", "book", "hobby", "club", "purchase",
    "lesson_day", "instrument", "course", "volunteering",
})  # fmt: skip
"""Topics that a reader finds unimportant who is told to note only what is important."""
