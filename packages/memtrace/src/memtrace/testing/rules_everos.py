"""Rules that read the prompts of EverOS: boundary, episode, facts, profile, sufficiency, queries.

Each reads the text in its prompt and answers from it alone, in the JSON that EverOS expects. A
changed wording of a prompt is recognised as long as it asks for the same JSON keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise

from lmcommon.llm.types import ChatRequest
from memtrace.testing.rules import Rule, content_words

__all__ = ["everos_rules"]

_NUMBERED = re.compile(r"^\[(\d+)\] \[(\d{4}-\d\d-\d\d)[^\]]*\] (.+)$", re.MULTILINE)
_SPOKEN = re.compile(
    r'\{\s*"timestamp": (\d{4}-\d\d-\d\d)[^\n]*\n\s*"speaker": (.+?),\n\s*"content": (.+?)\n\s*\}',
    re.DOTALL,
)
_SAID = re.compile(r"^\[(\d{4}-\d\d-\d\d)[^\]]*\] (.+?)\(user_id:([^)]*)\): (.+)$", re.MULTILINE)
_SENTENCE = re.compile(r"[^.!?]+[.!?]*")
_INDEXED = re.compile(r"^\[(\d+)\] (\{.*\})$", re.MULTILINE)
_TARGET = re.compile(r"TARGET USER: (.+?)\*\*")


def everos_rules() -> list[Rule]:
    """One rule for each prompt of EverOS."""
    return [
        Rule("boundary", _asks_for('"boundaries"', '"should_wait"'), _boundary),
        Rule("episode", _asks_for('"title"', '"content"'), _episode),
        Rule("atomic_facts", _asks_for('"atomic_fact"'), _atomic_facts),
        Rule("profile_update", _asks_for('"operations"'), _profile_update),
        Rule("profile", _asks_for('"explicit_info"', '"implicit_traits"'), _profile),
        Rule("sufficiency", _asks_for('"is_sufficient"'), _sufficiency),
        Rule("multi_query", _asks_for('"queries"'), _multi_query),
    ]


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


def _episode(request: ChatRequest) -> str:
    """What was said, told by somebody else; each sentence keeps its speaker."""
    said = _SPOKEN.findall(_text(request).partition("Conversation content:")[2])
    told = [f"{speaker} said: {_ended(text)}" for _, speaker, text in said]
    day = said[0][0] if said else ""
    words = " ".join(sorted(content_words(" ".join(text for *_, text in said)))[:6])
    return _json(title=f"{day} {words}".strip() or "nothing", content=" ".join(told) or "Nothing.")


def _atomic_facts(request: ChatRequest) -> str:
    """One fact a sentence, with who said it."""
    given = _text(request).rpartition("- EPISODE_TEXT:")[2]
    episode, _, rest = given.partition("- TIME:")
    time = rest.strip().partition("\n")[0].partition('"  (')[0].strip('" ')
    facts = []
    speaker = ""
    for sentence in map(str.strip, _SENTENCE.findall(episode.strip().strip('"'))):
        name, found, text = sentence.partition(" said: ")
        speaker, text = (name, text) if found else (speaker, sentence)
        if content_words(text):
            facts.append(f"{speaker} said: {_ended(text)}" if speaker else _ended(text))
    return _json(atomic_facts={"time": time or "unknown", "atomic_fact": facts})


def _profile(request: ChatRequest) -> str:
    """Everything the target says of themselves."""
    return _json(explicit_info=_of_target(request, "【Original Conversation】"), implicit_traits=[])


def _profile_update(request: ChatRequest) -> str:
    """What is new is added; an older statement that begins alike gives way."""
    before = _text(request).partition("=== explicit_info ===")[2]
    before = before.partition("=== implicit_traits ===")[0]
    known = {int(place): json.loads(row) for place, row in _INDEXED.findall(before)}
    operations: list[dict[str, object]] = []
    for row in _of_target(request, "【Conversation Records】"):
        if any(row["description"] == old.get("description") for old in known.values()):
            continue
        alike = [
            place for place, old in known.items()
            if _start(str(old.get("description"))) == _start(row["description"])
        ]  # fmt: skip
        operation: dict[str, object] = {"type": "explicit_info", "data": row}
        if alike:
            operations.append({"action": "update", "index": alike[0], **operation})
        else:
            operations.append({"action": "add", **operation})
    return _json(operations=operations or [{"action": "none"}], update_note="")


def _sufficiency(request: ChatRequest) -> str:
    """Enough if one document holds every word of the question that says something."""
    query, _, rest = _text(request).partition("User Query:")[2].partition("Retrieved Documents:")
    wanted = content_words(query)
    contents = re.findall(r"^\s*Content: (.+)$", rest, re.MULTILINE)
    best = max(contents, key=lambda text: len(wanted & content_words(text)), default="")
    missing = sorted(wanted - content_words(best))
    return _json(
        is_sufficient=not missing, reasoning="words compared", missing_information=missing,
        key_information_found=[best] if best else [],
    )  # fmt: skip


def _multi_query(request: ChatRequest) -> str:
    """The words that are missing, and the question turned into a statement."""
    _, _, rest = _text(request).partition("Original Query:")
    query = rest.partition("Key Information Found:")[0].strip()
    missing = rest.partition("Missing Information:")[2].partition("Retrieved Documents")[0]
    words = " ".join(sorted(content_words(missing)))
    queries = [words, f"about {' '.join(sorted(content_words(query)))}"]
    return _json(queries=[one for one in queries if len(one) >= 5], reasoning="what is missing")


def _of_target(request: ChatRequest, heading: str) -> list[dict[str, str]]:
    found = _TARGET.search(_text(request))
    target = found.group(1) if found else ""
    rows = []
    for day, speaker, user, text in _SAID.findall(_text(request).rpartition(heading)[2]):
        for sentence in map(str.strip, _SENTENCE.findall(text)):
            if user == target and re.match(r"(I|My|We|Our)\b", sentence):
                rows.append({
                    "category": speaker, "description": _ended(sentence), "evidence": f"on {day}",
                })  # fmt: skip
    return rows


def _start(sentence: str) -> str:
    return " ".join(sentence.split()[:2]).lower()


def _ended(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _json(**values: object) -> str:
    return json.dumps(values, ensure_ascii=False)
