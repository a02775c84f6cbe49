"""The language of instructions: which wordings settle which topic, as data.

Two sorts. *Things* can be kept or left out, by any verb of `KEEPING` or `LEAVING` ("Keep every date
and code", "Numbers can be left out", "Do not drop corrections"). *Phrases* settle one topic of one
job each. What neither knows changes nothing, however well it is meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from memtrace.faultbench.prompting.types import Job

__all__ = [
    "COVERS", "HEDGES", "KEEPING", "LEAVING", "MINOR", "NUMBERS", "PHRASES", "TASTES", "THINGS",
    "TURNING",
]  # fmt: skip


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)


THINGS: Mapping[str, re.Pattern[str]] = {
    "dates": _words(r"dates?|days?|when (?:\w+ ){1,3}happen(?:s|ed)|points? in time"),
    "codes": _words(r"codes?|numbers?|figures?|digits|numerals|sizes?"),
    "corrections": _words(r"corrections?|corrected|(?:puts?|putting) (?:\w+ )*right"),
    "changes": _words(r"changes?|updates?|newer values?|new values?"),
    "endings": _words(
        r"endings?|ends|(?:has|have|that|what) (?:been )?ended|became of (?:\w+)|"
        r"(?:is|are) no more|losses|(?:was|were) (?:lost|sold|given (?:up|away))"
    ),
    "others": _words(
        r"(?:other|third) (?:people|persons?|parties)|anybody else|somebody else|"
        r"(?:friends|relatives|people) (?:that )?(?:they|are) mention(?:ed)?"
    ),
    "relations": _words(r"relations?(?:hips?)?|who (?:is|are) whose"),
    "tastes": _words(r"preferences?|tastes?|favou?rites?|likes"),
    "names": _words(r"names?|who is meant"),
}
"""What can be kept or left out, by the words for it."""

COVERS: Mapping[str, tuple[str, ...]] = {
    "changes": ("changes", "corrections", "endings"),
    "others": ("others", "relations"),
    "names": ("names", "others", "relations"),
}
"""Things whose word covers further things."""

KEEPING = _words(
    r"keep(?:s|ing)?|kept|not(?:e|es|ing) (?!that)|record(?:s|ed|ing)?|remember(?:s|ed)?|stor(?:e|es|ed)|"
    r"includ(?:e|es|ed|ing)|preserv(?:e|es|ed)|writ(?:e|es|ten) down|tak(?:e|es|en) down|"
    r"captur(?:e|es|ed)|cop(?:y|ies|ied)|retain(?:s|ed)?|take (?:\w+ )?into account|mention(?:s|ed)? every|"
    r"give out|reveal|tell"
)
LEAVING = _words(
    r"lea(?:ve|ves|ving|ft) (?:\w+ ){0,4}?(?:out|away|aside)|omit(?:s|ted|ting)?|skip(?:s|ped)?|"
    r"ignor(?:e|es|ed|ing)|drop(?:s|ped|ping)?|discard(?:s|ed)?|disregard(?:s|ed)?|"
    r"remov(?:e|es|ed)|strip(?:s|ped)?|exclud(?:e|es|ed)|forget|avoid|"
    r"lose|withhold"
)
TURNING = re.compile(
    r"\b(?:do not|don't|never|not to|must not|should not|no need to|need not|cannot)(?: \w+ly)?\s*$|"
    r"\b(?:never|not) (?:be )?$",
    re.IGNORECASE,
)
"""What in front of a verb turns it round."""

HEDGES = _words(
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

_NOTE = r"(?:note|notes|fact|facts|point|points|line|lines|memory|memories)"
_MEMORY = r"(?:memory|memories|entry|entries|note|notes)"
_UNKNOWN = r"(?:not (?:know|known)|unknown|no answer|cannot tell|not say)"

PHRASES: Mapping[Job, tuple[tuple[str, str, re.Pattern[str]], ...]] = {
    "notes": (
        ("select", "own", _words(
            r"only (?:\w+ ){0,4}(?:user|speaker)s? (?:\w+ ){0,3}(?:of|about) (?:them|him|her)sel\w+|"
            r"only (?:\w+ ){0,3}about the (?:speaker|user)s? (?:them|him|her)sel\w+")),
        ("select", "important", _words(
            r"only (?:what (?:is|seems) |the )?(?:\w+ )?(?:important|essential|main|key|major)|"
            r"what matters most|nothing (?:un)?important but|just the (?:gist|essentials)")),
        ("select", "all", _words(
            r"(?:every|each|all)(?: of)?(?: the)?(?: stated)? (?:facts?|statements?)|"
            r"unimportant things too|small things too|however small")),
        ("limit", "#", _words(
            rf"(?:at most|no more than|a maximum of|up to) (?P<count>\w+) {_NOTE}")),
        ("limit", "none", _words(rf"as many {_NOTE} as (?:\w+ )*need\w*|no limit")),
        ("brief", "yes", _words(
            r"as short as possible|as few words as possible|as briefly as possible|very brief|"
            r"(?:be|stay) (?:brief|terse|concise)|keep (?:the |your )?notes (?:\w+ )?short")),
        ("brief", "no", _words(r"in full|word for word|verbatim|do not shorten")),
        ("exact", "no", _words(
            r"in general terms|general terms instead|(?<!never )(?<!not )generali[sz]e|without (?:exact )?values")),
        ("exact", "yes", _words(r"exact (?:values?|words?|wording)|exactly as (?:it was )?said")),
        ("reply", "json", _words(r"json")),
    ),
    "update": (
        ("existing", "never", _words(
            rf"never (?:change|update|touch|alter|edit) (?:\w+ ){{0,2}}{_MEMORY}|"
            rf"leave (?:\w+ )*{_MEMORY} (?:as (?:they|it) (?:are|is)|alone|untouched)|"
            rf"do not (?:change|update|touch|alter|edit) (?:\w+ ){{0,2}}{_MEMORY}")),
        ("existing", "change", _words(
            rf"(?:update|change) (?:the|an?|every) (?:\w+ )?{_MEMORY} (?:when|if|that|with|whenever)")),
        ("history", "keep", _words(
            r"keep (?:the )?(?:old|earlier|former|previous) (?:value|fact|text)s?|keep both|"
            r"keep (?:the|its|their) history|(?:old|earlier) (?:value|fact)s? (?:beside|next to)|"
            r"do not drop (?:the )?(?:old|earlier)|behind the (?:old|earlier)")),
        ("history", "drop", _words(
            r"(?:drop|remove|delete|overwrite|discard|replace|forget) (?:the )?"
            r"(?:old|earlier|former|previous|outdated) (?:value|fact|text|one)s?|"
            r"keep only the (?:newest|latest|new)")),
        ("endings", "drop", _words(
            rf"delete (?:the |a |every )?{_MEMORY} (?:\w+ )*(?:ended|no more|over) "
            r"(?:\w+ )*(?:nothing|without)|add nothing (?:\w+ )*(?:ended|ends)")),
        ("endings", "keep", _words(r"what became of|note (?:\w+ )*(?:end|ended)|record (?:\w+ )*end")),
    ),
    "qa": (
        ("source", "notes", _words(
            r"(?:from|by|with|using|in) (?:the|these|those) (?:\w+ )?"
            r"(?:notes?|context|memor(?:y|ies)|passages?)")),
        ("unknown", "doubt", _words(
            r"(?:in|any|slightest) doubt|unless (?:you are |it is )?(?:\w+ )?(?:certain|sure)|"
            r"only (?:if|when|what) (?:\w+ ){0,4}(?:certain|sure|explicitly|word for word)")),
        ("unknown", "guess", _words(
            r"(?<!not )(?<!never )guess|never (?:say|admit) (?:\w+ )*"
            rf"{_UNKNOWN}|always give an answer|likely answer|do not (?:say|admit) (?:\w+ )*{_UNKNOWN}")),
        ("unknown", "say", _words(
            rf"(?:say|answer|admit|reply)(?: \w+)?(?: that)?(?: you| it)?(?: do| does| is)? {_UNKNOWN}|"
            r"never guess|do not guess|admit it")),
        ("value", "first", _words(
            r"(?<!not the )(?:first|earliest|oldest|original) (?:value|answer|one|mention|thing)\w*|"
            r"mention(?:ed|s)? first")),
        ("value", "latest", _words(
            r"(?<!not the )(?:latest|newest|most recent|last|current|present) (?:value|answer|one|mention|note)\w*|"
            r"mention(?:ed|s)? last|holds now")),
        ("form", "explained", _words(
            r"expla(?:in|ins|nation|ining)|step by step|justif\w+|give (?:your |the )?reasons?|"
            r"show your reasoning")),
        ("form", "sentence", _words(r"(?:full|complete|whole) sentences?")),
        ("form", "word", _words(r"(?:one|a single|single) word")),
        ("form", "short", _words(
            r"(?:only|just) the answer|few words|short answer|nothing else|answer (?:\w+ )?alone")),
        ("dateform", "coarse", _words(
            r"(?:only |just )?(?:the )?(?:month and (?:the )?year|year only|year alone)|"
            r"only (?:the )?(?:year|month)|without the day")),
        ("dateform", "full", _words(
            r"day, month and year|(?:full|complete|exact|whole) dates?|dates? in full")),
        ("hops", "single", _words(
            r"(?:from )?(?:a |one )single note|(?:do not|never) combine|one note only")),
        ("hops", "many", _words(r"combine")),
    ),
    "rewrite": (
        ("size", "one", _words(r"(?:one|a single|single) (?:key)?word")),
        ("size", "few", _words(
            r"(?:two or three|two|three|a few|few) (?:key)?words|as short as possible|"
            r"keep the query short|very short")),
        ("size", "full", _words(
            r"(?:every|all) (?:\w+, )*(?:\w+ )?(?:\w+ and )?(?:facts?|words?|details?)|whole question|"
            r"everything (?:that is )?asked|in full")),
        ("more", "yes", _words(
            r"adds? (?:\w+ )?words|(?:words|synonyms) that (?:\w+ ){0,3}note|synonyms|"
            r"words of a matching note")),
        ("more", "no", _words(r"(?:no|without|do not add) (?:other |further |new )?(?:words|synonyms)")),
        ("reply", "bare", _words(
            r"(?:query|keywords?|words?) only|only (?:with )?the (?:query|words?|keywords?)|"
            r"nothing else|(?:query|line) alone")),
    ),
    "rerank": (
        ("order", "oldest", _words(r"(?:oldest|earliest) (?:\w+ )*first|in order of time")),
        ("order", "newest", _words(r"(?:newest|latest|most recent) (?:\w+ )*first")),
        ("order", "shortest", _words(r"shortest (?:\w+ )*first")),
        ("order", "longest", _words(r"longest (?:\w+ )*first")),
        ("order", "given", _words(
            r"keep (?:the|their) (?:given )?order|(?:do not|never) change the order|"
            r"in the order (?:given|in which)")),
        ("order", "helpful", _words(
            r"(?<!not )(?:help|helpful|useful|relevant)|(?:answer|answers) the question")),
        ("reply", "numbers", _words(r"numbers")),
    ),
}  # fmt: skip
"""Job to topic, way and wording, in the order in which they are tried: the first of a topic counts."""
