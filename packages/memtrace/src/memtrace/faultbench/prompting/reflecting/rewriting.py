"""Rewriting a prompt: sentences go, sentences come, everything else stays.

In a prompt of several messages only the system's part is touched (the first one, if there is no
system message); in any other text the new sentences come last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from memtrace.faultbench.prompting.reflecting.edits import SENTENCES
from memtrace.faultbench.prompting.reflecting.types import Finding
from memtrace.faultbench.prompting.types import Job, Sentence
from memtrace.faultbench.prompting.understanding import sentences_of

__all__ = ["asked_of", "instructions_of", "is_against", "with_sentence",
           "without_placeholder", "without_sentence", "without_way"]  # fmt: skip

_SYSTEM = re.compile(r"(?:\A|(?<=\n))### system\n(.*?)(?=\n### |\Z)", re.DOTALL)
_FIELD = re.compile(r"\{[A-Za-z_]\w*\}")


def instructions_of(prompt: str) -> str:
    """The part of a prompt that instructs."""
    found = _SYSTEM.search(prompt)
    return found[1] if found else "" if "### user\n" in prompt else prompt


def asked_of(prompt: str, job: Job) -> dict[str, str]:
    """Topic to way, as the instructions of a prompt settle them."""
    return {
        topic: way
        for sentence in sentences_of(instructions_of(prompt), job)
        for topic, way in sentence.settles
    }


def without_way(prompt: str, job: Job, finding: Finding) -> str:
    """The prompt without what stands against a finding; what else those sentences say stays."""
    for sentence in sentences_of(instructions_of(prompt), job):
        against = [pair for pair in sentence.settles if is_against(pair, finding)]
        if against:
            rest = [pair for pair in sentence.settles if pair not in against]
            prompt = without_sentence(prompt, sentence)
            for text in _texts(rest, job):
                prompt = with_sentence(prompt, text)
    return prompt


def with_sentence(prompt: str, text: str) -> str:
    """The prompt with one more sentence."""
    found = _SYSTEM.search(prompt)
    if found is None and "### user\n" in prompt:
        return f"### system\n{text}\n{prompt}"
    body = (found[1] if found else prompt).rstrip()
    joined = f"{body} {text}" if body else text
    return joined if found is None else prompt[: found.start(1)] + joined + prompt[found.end(1) :]


def without_sentence(prompt: str, sentence: Sentence) -> str:
    """The prompt without one of its sentences."""
    for around in (f" {sentence.text}", f"{sentence.text} ", sentence.text):
        if around in prompt:
            return prompt.replace(around, "", 1)
    return prompt


def without_placeholder(prompt: str) -> str:
    """The prompt without its first placeholder."""
    return _FIELD.sub("", prompt, count=1)


def is_against(pair: tuple[str, str], finding: Finding) -> bool:
    """Whether a topic and its way stand against what a finding asks."""
    topic, way = pair
    if topic == finding.topic and way != finding.way:
        return True
    return pair in finding.culprits or (way != "none" and (topic, "*") in finding.culprits)


def _texts(pairs: Iterable[tuple[str, str]], job: Job) -> list[str]:
    known = SENTENCES[job]
    return [known[pair] for pair in pairs if pair in known]
