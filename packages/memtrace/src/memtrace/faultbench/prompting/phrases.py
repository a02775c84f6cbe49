"""Wordings that settle one topic of one job each, as data.

What neither these nor the things of `vocabulary` know changes nothing, however well it is meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from memtrace.faultbench.prompting.types import Job
from memtrace.faultbench.prompting.vocabulary import words

__all__ = ["PHRASES"]

_NOTE = r"(?:note|notes|fact|facts|point|points|line|lines|memory|memories)"
_MEMORY = r"(?:memory|memories|entry|entries|note|notes)"
_UNKNOWN = r"(?:not (?:know|known)|unknown|no answer|cannot tell|not say)"

PHRASES: Mapping[Job, tuple[tuple[str, str, re.Pattern[str]], ...]] = {
    "notes": (
        ("select", "own", words(
            r"only (?:\w+ ){0,4}(?:user|speaker)s? (?:\w+ ){0,3}(?:of|about) "
            r"(?:them|him|her)sel\w+|"
            r"only (?:\w+ ){0,3}about the (?:speaker|user)s? (?:them|him|her)sel\w+")),
        ("select", "important", words(
            r"only (?:what (?:is|seems) |the )?(?:\w+ )?(?:important|essential|main|key|major)|"
            r"what matters most|just the (?:gist|essentials)")),
        ("select", "all", words(
            r"(?:every|each|all)(?: of)?(?: the)?(?: stated)? (?:facts?|statements?)|"
            r"unimportant things too|small things too|however small")),
        ("limit", "#", words(
            rf"(?:at most|no more than|a maximum of|up to) (?P<count>\w+) {_NOTE}")),
        ("limit", "none", words(rf"as many {_NOTE} as (?:\w+ )*need\w*|no limit")),
        ("brief", "yes", words(
            r"as short as possible|as few words as possible|as briefly as possible|very brief|"
            r"(?:be|stay) (?:brief|terse|concise)|keep (?:the |your )?notes (?:\w+ )?short")),
        ("brief", "no", words(r"in full|word for word|verbatim|do not shorten")),
        ("exact", "no", words(
            r"general terms|generali[sz]e|"
            r"without (?:exact )?values")),
        ("exact", "yes", words(r"exact (?:values?|words?|wording)|exactly as (?:it was )?said")),
        ("reply", "json", words(r"json")),
    ),
    "update": (
        ("existing", "never", words(
            rf"never (?:change|update|touch|alter|edit) (?:\w+ ){{0,2}}{_MEMORY}|"
            rf"leave (?:\w+ )*{_MEMORY} (?:as (?:they|it) (?:are|is)|alone|untouched)|"
            rf"do not (?:change|update|touch|alter|edit) (?:\w+ ){{0,2}}{_MEMORY}")),
        ("existing", "change", words(
            rf"(?:update|change) (?:the|an?|every) (?:\w+ )?{_MEMORY} "
            r"(?:when|if|that|with|whenever)")),
        ("history", "keep", words(
            r"keep (?:the )?(?:old|earlier|former|previous) (?:value|fact|text)s?|keep both|"
            r"keep (?:the|its|their) history|(?:old|earlier) (?:value|fact)s? (?:beside|next to)|"
            r"(?:not|never) (?:drop|remove|delete|overwrite|discard|replace|forget) (?:the )?"
            r"(?:old|earlier|former|previous)|behind the (?:old|earlier)")),
        ("history", "drop", words(
            r"(?:drop|remove|delete|overwrite|discard|replace|forget) (?:the )?"
            r"(?:old|earlier|former|previous|outdated) (?:value|fact|text|one)s?|"
            r"keep only the (?:newest|latest|new)")),
        ("endings", "drop", words(
            rf"delete (?:the |a |every )?{_MEMORY} (?:\w+ )*(?:ended|no more|over) "
            r"(?:\w+ )*(?:nothing|without)|add nothing (?:\w+ )*(?:ended|ends)")),
        ("endings", "keep", words(
            r"what became of|note (?:\w+ )*(?:end|ended)|record (?:\w+ )*end")),
    ),
    "qa": (
        ("source", "notes", words(
            r"(?:from|by|with|using|in|only) (?:the|these|those) (?:\w+ )?"
            r"(?:notes?|context|memor(?:y|ies)|passages?)")),
        ("unknown", "doubt", words(
            r"(?:in|any|slightest) doubt|unless (?:you are |it is )?(?:\w+ )?(?:certain|sure)|"
            r"only (?:if|when|what) (?:\w+ ){0,4}(?:certain|sure|explicitly|word for word)")),
        ("unknown", "guess", words(
            rf"guess|(?:never|do not) (?:say|admit) (?:\w+ )*{_UNKNOWN}|always give an answer|"
            r"likely answer")),
        ("unknown", "say", words(
            r"(?:say|answer|admit|reply)(?: \w+)?(?: that)?(?: you| it)?(?: do| does| is)? "
            rf"{_UNKNOWN}|never guess|do not guess|admit it")),
        ("value", "first", words(
            r"(?:first|earliest|oldest|original) (?:value|answer|one|mention|thing)\w*|"
            r"mention(?:ed|s)? first")),
        ("value", "latest", words(
            r"(?:latest|newest|most recent|last|current|present) "
            r"(?:value|answer|one|mention|note)\w*|mention(?:ed|s)? last|holds now")),
        ("form", "explained", words(
            r"expla(?:in|ins|nation|ining)|step by step|justif\w+|give (?:your |the )?reasons?|"
            r"show your reasoning")),
        ("form", "sentence", words(r"(?:full|complete|whole) sentences?")),
        ("form", "word", words(r"(?:one|a single|single) word")),
        ("form", "short", words(
            r"(?:only|just) the answer|few words|short answer|nothing else|answer (?:\w+ )?alone|"
            r"(?:do not|never) explain|without (?:an |any )?explanation")),
        ("dateform", "full", words(
            r"day, month and year|(?:full|complete|exact|whole) dates?|dates? in full")),
        ("dateform", "coarse", words(
            r"(?:only |just )?(?:the )?(?:month and (?:the )?year|year only|year alone)|"
            r"only (?:the )?(?:year|month)|without the day")),
        ("hops", "single", words(
            r"(?:from )?(?:a |one )single note|(?:do not|never) combine|one note only")),
        ("hops", "many", words(r"combine")),
    ),
    "rewrite": (
        ("size", "one", words(r"(?:one|a single|single) (?:key)?word")),
        ("size", "few", words(
            r"(?:two or three|two|three|a few|few) (?:key)?words|as short as possible|"
            r"keep the query short|very short")),
        ("size", "full", words(
            r"(?:every|all) (?:\w+, )*(?:\w+ )?(?:\w+ and )?(?:facts?|words?|details?)|"
            r"whole question|everything (?:that is )?asked|in full")),
        ("more", "yes", words(
            r"adds? (?:\w+ )?words|(?:words|synonyms) that (?:\w+ ){0,3}note|synonyms|"
            r"words of a matching note")),
        ("more", "no", words(
            r"(?:no|without|do not add) (?:other |further |new )?(?:words|synonyms)")),
        ("reply", "bare", words(
            r"(?:query|keywords?|words?) only|only (?:with )?the (?:query|words?|keywords?)|"
            r"nothing else|(?:query|line) alone")),
    ),
    "rerank": (
        ("order", "oldest", words(r"(?:oldest|earliest) (?:\w+ )*first|in order of time")),
        ("order", "newest", words(r"(?:newest|latest|most recent) (?:\w+ )*first")),
        ("order", "shortest", words(r"shortest (?:\w+ )*first")),
        ("order", "longest", words(r"longest (?:\w+ )*first")),
        ("order", "given", words(
            r"keep (?:the|their) (?:given )?order|(?:do not|never) change the order|"
            r"in the order (?:given|in which)")),
        ("order", "helpful", words(
            r"(?:help|helpful|useful|relevant)|(?:answer|answers) the question")),
        ("reply", "numbers", words(r"numbers")),
    ),
}  # fmt: skip
"""Job to topic, way and wording, as they are tried: in one sentence the first of a topic counts."""
