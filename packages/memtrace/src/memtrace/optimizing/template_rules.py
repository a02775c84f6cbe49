"""What a rewritten prompt must keep: checked before it is tried, so that no question is wasted.

In: the present template and a new text. Out: which rules it breaks, in words. A template keeps its
placeholders, the marks that cut it into messages, and the output contract (the JSON keys it asks
for); it stays of a readable length; it copies no answer from the cases it was rewritten for.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from lmcommon.errors import UserError
from lmcommon.prompt import Prompt
from memtrace.attribution.matching import normal_words
from memtrace.memory.templates import ChatTemplate

__all__ = ["TemplateRules"]

_KEY = re.compile(r"[\"']([A-Za-z_]\w*)[\"']\s*:")
_MARK = re.compile(r"^### (?:system|user|assistant)$", re.MULTILINE)
_GROWTH, _ROOM = 2.0, 1500


@dataclass(frozen=True, slots=True)
class TemplateRules:
    """The rules of one prompt.

    Example: `TemplateRules(prompt).broken_by("Answer from {context}.")` gives
    `["the placeholder {question} is missing"]`.
    """

    prompt: Prompt
    """As it was before the loop."""
    secrets: frozenset[str] = frozenset()
    """Answers of the cases at hand, which a rewritten prompt must not hold."""

    @property
    def max_length(self) -> int:
        """Characters that a rewritten text may have."""
        return int(max(len(self.prompt.text) * _GROWTH, len(self.prompt.text) + _ROOM))

    def described(self) -> list[str]:
        """The rules, for the one who rewrites."""
        rules = []
        if self.prompt.fields:
            fields = ", ".join(f"{{{name}}}" for name in sorted(self.prompt.fields))
            rules.append(f"Keep the placeholders {fields}, each of them, and add no other.")
        if _MARK.search(self.prompt.text):
            rules.append(
                "Keep the lines that start with ### (system, user, assistant) and their order; "
                "the last message must be the user's and hold the placeholders."
            )
        if keys := self._keys:
            rules.append(f"Keep the output format: JSON with the keys {', '.join(sorted(keys))}.")
        rules += [
            f"At most {self.max_length} characters.",
            "Do not copy names, values or answers of the cases into it: it must serve other "
            "conversations.",
        ]
        return rules

    def broken_by(self, text: str) -> list[str]:
        """The rules that a text breaks; empty: it may be tried."""
        broken = []
        if not text.strip():
            return ["it is empty"]
        if text.startswith("@"):
            broken.append("it starts with @, which stands for a file")
        try:
            made = Prompt(self.prompt.name, text, self.prompt.fields)
            if _MARK.search(self.prompt.text):
                ChatTemplate(made)
        except UserError as error:
            broken.append(str(error))
        if lost := self._keys - _keys_of(text):
            broken.append(f"the output format lost the JSON keys {', '.join(sorted(lost))}")
        if "json" in self.prompt.text.lower() and "json" not in text.lower():
            broken.append("it does not ask for JSON any more")
        if len(text) > self.max_length:
            broken.append(f"it has {len(text)} characters, more than {self.max_length}")
        if copied := sorted(self._copied(text)):
            broken.append(f"it copies from the cases: {', '.join(copied[:3])}")
        return broken

    @property
    def _keys(self) -> frozenset[str]:
        return _keys_of(self.prompt.text)

    def _copied(self, text: str) -> Collection[str]:
        before, after = (f" {' '.join(normal_words(one))} " for one in (self.prompt.text, text))
        found = set()
        for secret in self.secrets:
            words = f" {' '.join(normal_words(secret))} "
            if words.strip() and words in after and words not in before:
                found.add(secret)
        return found


def _keys_of(text: str) -> frozenset[str]:
    return frozenset(_KEY.findall(text))
