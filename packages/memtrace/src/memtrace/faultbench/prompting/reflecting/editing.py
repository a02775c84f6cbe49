"""From a request to the new prompt: what is founded first, else what is suspected, else a whim."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from lmcommon.judge.hedging import abstention
from memtrace.faultbench.prompting.reflecting.edits import (
    CHANCES,
    MOST_EDITS,
    SENTENCES,
    TOPICS,
    WEAK,
)
from memtrace.faultbench.prompting.reflecting.evidence import (
    advice_in,
    condemned_in,
    findings_of,
)
from memtrace.faultbench.prompting.reflecting.hunches import SUSPECTS, UNFOUNDED, Suspect
from memtrace.faultbench.prompting.reflecting.jobs import job_of
from memtrace.faultbench.prompting.reflecting.rewriting import (
    asked_of,
    instructions_of,
    is_against,
    with_sentence,
    without_placeholder,
    without_sentence,
    without_way,
)
from memtrace.faultbench.prompting.reflecting.types import Finding, Record, Request
from memtrace.faultbench.prompting.types import Sentence
from memtrace.faultbench.prompting.understanding import sentences_of, settled
from memtrace.faultbench.simulated.calendar import iso

__all__ = ["Editor"]

_DIGITS = re.compile(r"\d+")
_NOW = re.compile(r"\b(?:now|still|before)\b")


class Editor:
    """Rewrites the prompt of one request.

    Args:
        request: What is asked and shown.
        rng: Drawn from for everything that is left to chance.
    """

    def __init__(self, request: Request, rng: random.Random) -> None:
        self.request, self.rng = request, rng
        self.job = job_of(request.current)
        self.asked = asked_of(request.current, self.job)
        self.failures = [record for record in request.records if record.is_failure]

    def rewritten(self) -> str:
        """The whole new prompt."""
        prompt = self.request.current
        condemned = self._condemned()
        findings = self.founded() or ([] if condemned else self.suspected())
        if findings or condemned:
            for sentence in condemned:
                prompt = without_sentence(prompt, sentence)
            prompt = self._founded(prompt, findings[:MOST_EDITS])
        elif self.failures or self.request.task == "rewrite":
            prompt = self._with(prompt, self.whim())
        if not self.request.forbids_copying and self._draws("copied"):
            prompt = self._copied(prompt)
        return without_placeholder(prompt) if self._draws("placeholder") else prompt

    def founded(self) -> list[Finding]:
        """What the request shows, the best founded first; nothing that the prompt says already."""
        votes: Counter[Finding] = Counter()
        for record in self.failures:
            for finding, weight in findings_of(record, self.job):
                votes[finding] += weight
        for finding in advice_in(self.request.told, self.job):
            votes[finding] += 1
        best: dict[str, Finding] = {}
        for finding, _ in votes.most_common():
            if self._is_news(finding):
                best.setdefault(finding.topic, finding)
        return list(best.values())

    def suspected(self) -> list[Finding]:
        """An instruction that looks guilty, or something that the right answers' form suggests."""
        for one in SUSPECTS[self.job]:
            if self._is_there(one) and self._comes_to_mind(one) and self.rng.random() < one.chance:
                return [Finding(*one.cure, frozenset({one.guilty}))]
        if self.job == "notes" and self._draws("form"):
            formed = (Finding(topic, "keep") for topic in self._forms())
            return [one for one in formed if self._is_news(one)][:1]
        return []

    def whim(self) -> str:
        """A plausible sentence that nothing speaks for."""
        said = [record.outputs or record.said for record in self.failures]
        symptom = "abstained" if any(abstention(one) for one in said if one) else "answered"
        known = instructions_of(self.request.current)
        abstains = any(record.right is None for record in self.request.records)
        fitting = [
            one for one in UNFOUNDED[self.job]
            if one.after in ("any", symptom) and one.sentence not in known
            and not (abstains and ("unknown", "guess") in settled(one.sentence, self.job))
        ]  # fmt: skip
        if not fitting:
            return ""
        weights = [one.weight for one in fitting]
        return self.rng.choices([one.sentence for one in fitting], weights)[0]

    def guilty(self, findings: Iterable[Finding]) -> list[Sentence]:
        """The sentences of the prompt that stand against findings."""
        return [
            sentence
            for sentence in sentences_of(instructions_of(self.request.current), self.job)
            if any(is_against(pair, one) for pair in sentence.settles for one in findings)
        ]

    def _condemned(self) -> list[Sentence]:
        """The sentences that feedback says are to go."""
        told = "\n".join([self.request.told, *(record.told for record in self.failures)])
        return condemned_in(told, instructions_of(self.request.current), self.job)

    def _is_news(self, finding: Finding) -> bool:
        """Whether something in the prompt must change for a finding."""
        return bool(self.guilty([finding])) or self.asked.get(finding.topic) != finding.way

    def _is_there(self, one: Suspect) -> bool:
        topic, way = one.guilty
        return topic in self.asked if way == "*" else self.asked.get(topic) == way

    def _comes_to_mind(self, one: Suspect) -> bool:
        return any(_hints(record, one.hint) for record in self.failures)

    def _forms(self) -> Iterator[str]:
        rights = [record.right for record in self.failures if record.right]
        if any(iso(right) for right in rights):
            yield "dates"
        if any(_DIGITS.fullmatch(right) for right in rights):
            yield "codes"

    def _founded(self, prompt: str, findings: list[Finding]) -> str:
        fails = self._draws("imperfect")
        is_weak = fails and self._draws("weak")
        for finding in findings:
            prompt = without_way(prompt, self.job, finding)
            text = SENTENCES[self.job].get((finding.topic, finding.way), "")
            if is_weak:
                text = WEAK[self.job].format(topic=TOPICS.get(finding.topic, finding.topic))
            if text and text not in prompt:
                prompt = with_sentence(prompt, text)
        if fails and not is_weak:
            sentences = sentences_of(instructions_of(prompt), self.job)
            if sentences:
                prompt = without_sentence(prompt, self.rng.choice(sentences))
        return prompt

    def _with(self, prompt: str, text: str) -> str:
        for topic, way in settled(text, self.job):
            prompt = without_way(prompt, self.job, Finding(topic, way))
        return with_sentence(prompt, text) if text else prompt

    def _copied(self, prompt: str) -> str:
        known = [one for one in self.failures if one.question and one.right]
        if not known:
            return prompt
        one = self.rng.choice(known)
        return with_sentence(prompt, f"For example, {one.question} {one.right}.")

    def _draws(self, chance: str) -> bool:
        return self.rng.random() < CHANCES[chance]


def _hints(record: Record, hint: str) -> bool:
    right = record.right
    return {
        "any": True,
        "abstain": right is None,
        "date": bool(right and iso(right)),
        "number": bool(right and _DIGITS.fullmatch(right)),
        "now": _NOW.search(record.question) is not None,
    }[hint]
