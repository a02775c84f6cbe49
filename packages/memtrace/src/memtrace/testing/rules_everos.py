"""Rules that read the prompts of EverOS: boundary, episode, facts, profile, sufficiency, queries.

Each reads the text in its prompt and answers from it alone, in the JSON that EverOS expects. A
changed wording of a prompt is recognised as long as it asks for the same JSON keys. What the texts
mean is up to an `Understanding`: the default one goes by sentences and words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lmcommon.llm.types import ChatRequest
from memtrace.testing.rules import Rule, content_words

__all__ = ["Row", "Sufficiency", "Understanding", "everos_rules"]

_NUMBERED = re.compile(r"^\[(\d+)\] \[(\d{4}-\d\d-\d\d)[^\]]*\] (.+)$", re.MULTILINE)
_SPOKEN = re.compile(
    r'\{\s*"timestamp": (\d{4}-\d\d-\d\d)[^\n]*\n\s*"speaker": (.+?),\n\s*"content": (.+?)\n\s*\}',
    re.DOTALL,
)
_SAID = re.compile(r"^\[(\d{4}-\d\d-\d\d)[^\]]*\] (.+?)\(user_id:([^)]*)\): (.+)$", re.MULTILINE)
_SENTENCE = re.compile(r"[^.!?]+[.!?]*")
_INDEXED = re.compile(r"^\[(\d+)\] (\{.*\})$", re.MULTILINE)
_TARGET = re.compile(r"TARGET USER: (.+?)\*\*")


Spoken = tuple[str, str, str]
"""Day (ISO), speaker and text of an utterance."""
Row = dict[str, Any]
"""A record of a profile: `category`, `description`, `evidence`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sufficiency:
    """Whether documents are enough, what they tell, and what is missing."""

    is_sufficient: bool
    found: Sequence[str] = ()
    missing: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """What is made of the texts in EverOS's prompts.

    Example: `Understanding(told=lambda said: "They talked.", ...)`
    """

    told: Callable[[Sequence[Spoken]], str]
    """From a conversation to its episode."""
    facts: Callable[[str], list[str]]
    """From an episode to atomic facts."""
    described: Callable[[Sequence[Spoken]], list[Row]]
    """From what a person said to records of a profile."""
    changed: Callable[[Sequence[Row], Mapping[int, Row]], list[Row]]
    """From new records and those there are, by index, to operations."""
    weighed: Callable[[str, str], Sufficiency]
    """From a query and documents."""
    asked: Callable[[str, str, str], list[str]]
    """From a query, what is missing, and documents to further queries."""


def everos_rules(understanding: Understanding | None = None) -> list[Rule]:
    """One rule for each prompt of EverOS.

    Args:
        understanding: What is made of the texts; None: sentences and words.
    """
    mind = understanding or _BY_WORDS
    return [
        Rule("boundary", _asks_for('"boundaries"', '"should_wait"'), _boundary),
        Rule("episode", _asks_for('"title"', '"content"'), lambda r: _episode(r, mind)),
        Rule("atomic_facts", _asks_for('"atomic_fact"'), lambda r: _atomic_facts(r, mind)),
        Rule("profile_update", _asks_for('"operations"'), lambda r: _profile_update(r, mind)),
        Rule(
            "profile", _asks_for('"explicit_info"', '"implicit_traits"'),
            lambda r: _profile(r, mind),
        ),
        Rule("sufficiency", _asks_for('"is_sufficient"'), lambda r: _sufficiency(r, mind)),
        Rule("multi_query", _asks_for('"queries"'), lambda r: _multi_query(r, mind)),
    ]  # fmt: skip


def _asks_for(*keys: str) -> Callable[[ChatRequest], bool]:
    return lambda request: all(key in _text(request) for key in keys)


def _text(request: ChatRequest) -> str:
    return request.messages[-1].content


def _boundary(request: ChatRequest) -> str:
    """A new day begins a new episode."""
    log = _text(request).partition("```")[2].partition("```")[0]
    days = [(int(number), day) for number, day, _ in _NUMBERED.findall(log)]
    cuts = [number for (number, day), (_, following) in pairwise(days) if day != following]
    return _json(reasoning="a new day", boundaries=cuts, should_wait=False)


def _episode(request: ChatRequest, mind: Understanding) -> str:
    said = _SPOKEN.findall(_text(request).partition("Conversation content:")[2])
    day = said[0][0] if said else ""
    told = mind.told(said)
    words = " ".join(sorted(content_words(" ".join(text for *_, text in said)))[:6])
    return _json(title=f"{day} {words}".strip() or "nothing", content=told)


def _atomic_facts(request: ChatRequest, mind: Understanding) -> str:
    given = _text(request).rpartition("- EPISODE_TEXT:")[2]
    episode, _, rest = given.partition("- TIME:")
    time = rest.strip().partition("\n")[0].partition('"  (')[0].strip('" ')
    facts = mind.facts(episode.strip().strip('"'))
    return _json(atomic_facts={"time": time or "unknown", "atomic_fact": facts})


def _profile(request: ChatRequest, mind: Understanding) -> str:
    rows = mind.described(_of_target(request, "【Original Conversation】"))
    return _json(explicit_info=rows, implicit_traits=[])


def _profile_update(request: ChatRequest, mind: Understanding) -> str:
    before = _text(request).partition("=== explicit_info ===")[2]
    before = before.partition("=== implicit_traits ===")[0]
    known = {int(place): json.loads(row) for place, row in _INDEXED.findall(before)}
    new = mind.described(_of_target(request, "【Conversation Records】"))
    operations = mind.changed(new, known)
    return _json(operations=operations or [{"action": "none"}], update_note="")


def _sufficiency(request: ChatRequest, mind: Understanding) -> str:
    query, _, rest = _text(request).partition("User Query:")[2].partition("Retrieved Documents:")
    weighed = mind.weighed(query.strip(), rest)
    return _json(
        is_sufficient=weighed.is_sufficient, reasoning="words compared",
        missing_information=list(weighed.missing), key_information_found=list(weighed.found),
    )  # fmt: skip


def _multi_query(request: ChatRequest, mind: Understanding) -> str:
    _, _, rest = _text(request).partition("Original Query:")
    query = rest.partition("Key Information Found:")[0].strip()
    missing, _, documents = rest.partition("Missing Information:")[2].partition(
        "Retrieved Documents"
    )
    queries = mind.asked(query, missing.strip(), documents)
    return _json(queries=[one for one in queries if len(one) >= 5], reasoning="what is missing")


def _of_target(request: ChatRequest, heading: str) -> list[Spoken]:
    """What the target user said under a heading."""
    found = _TARGET.search(_text(request))
    target = found.group(1) if found else ""
    return [
        (day, speaker, text)
        for day, speaker, user, text in _SAID.findall(_text(request).rpartition(heading)[2])
        if user == target
    ]


# The default understanding ------------------------------------------------------------------


def _told(said: Sequence[Spoken]) -> str:
    """What was said, told by somebody else; each sentence keeps its speaker."""
    return " ".join(f"{speaker} said: {_ended(text)}" for _, speaker, text in said) or "Nothing."


def _facts(episode: str) -> list[str]:
    """One fact a sentence, with who said it."""
    facts = []
    speaker = ""
    for sentence in map(str.strip, _SENTENCE.findall(episode)):
        name, found, text = sentence.partition(" said: ")
        speaker, text = (name, text) if found else (speaker, sentence)
        if content_words(text):
            facts.append(f"{speaker} said: {_ended(text)}" if speaker else _ended(text))
    return facts


def _described(said: Sequence[Spoken]) -> list[Row]:
    """Everything people say of themselves."""
    return [
        {"category": speaker, "description": _ended(sentence), "evidence": f"on {day}"}
        for day, speaker, text in said
        for sentence in map(str.strip, _SENTENCE.findall(text))
        if re.match(r"(I|My|We|Our)\b", sentence)
    ]


def _changed(new: Sequence[Row], known: Mapping[int, Row]) -> list[Row]:
    """What is new is added; an older statement that begins alike gives way."""
    operations: list[Row] = []
    for row in new:
        if any(row["description"] == old.get("description") for old in known.values()):
            continue
        alike = [
            place for place, old in known.items()
            if _start(str(old.get("description"))) == _start(row["description"])
        ]  # fmt: skip
        operation: Row = {"type": "explicit_info", "data": row}
        if alike:
            operations.append({"action": "update", "index": alike[0], **operation})
        else:
            operations.append({"action": "add", **operation})
    return operations


def _weighed(query: str, documents: str) -> Sufficiency:
    """Enough if one document holds every word of the question that says something."""
    wanted = content_words(query)
    contents = re.findall(r"^\s*Content: (.+)$", documents, re.MULTILINE)
    best = max(contents, key=lambda text: len(wanted & content_words(text)), default="")
    missing = sorted(wanted - content_words(best))
    return Sufficiency(is_sufficient=not missing, found=[best] if best else [], missing=missing)


def _asked(query: str, missing: str, documents: str) -> list[str]:
    """The words that are missing, and the question turned into a statement."""
    words = " ".join(sorted(content_words(missing)))
    return [words, f"about {' '.join(sorted(content_words(query)))}"]


def _start(sentence: str) -> str:
    return " ".join(sentence.split()[:2]).lower()


def _ended(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _json(**values: object) -> str:
    return json.dumps(values, ensure_ascii=False)


_BY_WORDS = Understanding(
    told=_told, facts=_facts, described=_described, changed=_changed, weighed=_weighed,
    asked=_asked,
)  # fmt: skip
