"""One wrong answer under examination: what is given, and what the stages have found so far.

In: a trace, an answer, what is known of the right answer. Stages (see `stages`) read the case, add
suspects, facts and log lines to it, and may close it with a verdict. Nothing here calls a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memtrace.attribution.evidence import find_witnesses, likely_witnesses, named_witnesses
from memtrace.attribution.facts import CriticalFact, Witness, critical_facts, fact_of
from memtrace.attribution.naming import own_words
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.taxonomy import ErrorType, LossKind
from memtrace.attribution.types import Attribution, Cost, DecisiveSet, FactPath, Suspect, Verdict
from memtrace.graph.reading.trace import Trace
from memtrace.types import Operation, Slice, Variable

__all__ = ["Case", "Question"]

_ABSTAIN_BELOW = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What attribution is told of one answer; everything else it reads in the trace.

    Example: `Question(answer="var-93", gold="Lisbon", evidence=("D1:3",), judged=False)`
    """

    answer: str
    """Variable id of the answer in the trace."""
    gold: str | None = None
    """The right answer; None: the right behaviour was to abstain, or (`is_live`) nobody knows."""
    evidence: tuple[str, ...] | None = None
    """Names of the messages (turn ids) or sessions that hold the right answer; None: not told."""
    text: str | None = None
    """The question's words; None: the question variable behind the answer."""
    judged: bool | None = None
    """What the recorded judge said of the answer; None: nobody judged, it is said to be wrong."""
    is_live: bool = False
    """There is no gold answer: question and answer are all there is to go by."""


class Case:
    """One answer under examination. Stages add to it.

    Args:
        trace: The trace, or a `TraceReader` over it (cheaper for many answers of one trace).
        asked: What is told of the answer.

    Raises:
        ValueError: A variable that no operation made.
        KeyError: The trace has no such variable.
    """

    def __init__(self, trace: Trace | TraceReader, asked: Question) -> None:
        self.reader = trace if isinstance(trace, TraceReader) else TraceReader(trace)
        self.asked = asked
        self.gold = asked.gold
        self.answer: Variable = self.reader.variable(asked.answer)
        if self.answer.producer is None:
            raise ValueError(
                f"answer: expected a variable that an operation made; got {asked.answer!r}"
            )
        self.maker: Operation = self.reader.operation(self.answer.producer)
        self.back: Slice = self.reader.graph.upstream(asked.answer)
        self.question = self._find_question() if asked.text is None else asked.text
        self.prediction = self.reader.text(asked.answer)
        self.witnesses: list[Witness] = []
        self.facts: tuple[CriticalFact, ...] = ()
        self.paths: list[FactPath] = []
        self.put_back: tuple[str, ...] = ()
        """Variables in which a repair put facts back: in a replay they start there too."""
        self.suspects: list[Suspect] = []
        self.decisive: DecisiveSet | None = None
        self.verdict: Verdict | None = None
        """Set by the stage that decides; later stages leave a closed case alone."""
        self.log: list[str] = []
        self.transcript: list[dict[str, object]] = []
        """Model calls of the attribution itself, as rows to be kept."""
        self.cost = Cost()
        self.why_not = ""
        """Why nobody can be blamed, for an abstention."""
        self._find_facts(asked.evidence)

    @property
    def is_closed(self) -> bool:
        """Whether a stage has given the verdict."""
        return self.verdict is not None

    def note(self, stage: str, finding: str) -> None:
        """Write a finding into the evidence log."""
        self.log.append(f"{stage}: {finding}")

    def suspect(
        self, operation: Operation | None, error_type: ErrorType, loss: LossKind, score: float,
        evidence: str, *, stage: str = "survival",
    ) -> None:  # fmt: skip
        """Add a suspect.

        Args:
            operation: None: no operation is at fault.
            error_type: What sort of error it would be.
            loss: How the fact would have been lost.
            score: In [0, 1], for the ranking.
            evidence: Why, in one sentence.
            stage: Who suspects it.
        """
        self.suspects.append(Suspect(
            operation=operation.id if operation else None, name=operation.name if operation else "",
            kind=operation.kind if operation else "", error_type=error_type, loss=loss,
            score=round(score, 3), evidence=evidence, stage=stage,
        ))  # fmt: skip

    @property
    def ranked(self) -> tuple[Suspect, ...]:
        """Best first; of equals the earliest operation. One entry an operation and error type."""
        best: dict[tuple[str | None, ErrorType], Suspect] = {}
        for suspect in self.suspects:
            key = suspect.operation, suspect.error_type
            if key not in best or suspect.score > best[key].score:
                best[key] = suspect
        return tuple(sorted(best.values(), key=self._rank))

    def conclude(self) -> Attribution:
        """The attribution: the closing verdict if there is one, else the best suspect, or none."""
        ranked = self.ranked
        members = self.decisive.members if self.decisive is not None else ()
        if members:
            first = {(one.operation, one.error_type) for one in members}
            ranked = (*members, *(s for s in ranked if (s.operation, s.error_type) not in first))
        for suspect in ranked:
            assert suspect.operation is None or self.reader.graph.has_operation(suspect.operation)
        confidence = ranked[0].score if ranked else 0.0
        if self.verdict is not None:
            verdict = self.verdict
        elif confidence < _ABSTAIN_BELOW:
            verdict = Verdict.ABSTAINED
        else:
            verdict = Verdict.of(ranked[0].error_type)
        reason = ranked[0].evidence if ranked else self.why_not
        if verdict is Verdict.ABSTAINED:
            reason = self.why_not or "the evidence is too weak to name an operation"
        return Attribution(
            answer=self.answer.id, question=self.question, prediction=self.prediction,
            gold=self.gold, suspects=ranked, paths=tuple(self.paths), decisive=self.decisive,
            confidence=round(confidence, 3), verdict=verdict, reason=reason, log=tuple(self.log),
            cost=self.cost.to_dict(),
        )  # fmt: skip

    def _rank(self, suspect: Suspect) -> tuple[float, int]:
        seq = self.reader.operation(suspect.operation).seq if suspect.operation else 0
        return -suspect.score, seq

    def _find_facts(self, evidence: Sequence[str] | None) -> None:
        """Resolve the evidence and split the gold answer."""
        if self.asked.is_live:
            self._find_live_facts()
            return
        if self.gold is None:
            self.note("facts", "the right behaviour was to abstain, there is nothing to follow")
            return
        if evidence is None:
            self.witnesses = find_witnesses(
                self.reader, self.gold, self.question, self.back, self.maker.seq
            )
            self.note("facts", f"no evidence given, {len(self.witnesses)} witnesses guessed")
        else:
            self.witnesses, missing = named_witnesses(
                self.reader, evidence, self.back, self.gold, self.maker.seq
            )
            if missing:
                self.note("facts", f"evidence {missing} names no message of the trace")
        self.facts = critical_facts(
            self.gold, self.witnesses, self.question, self.reader.names | self.reader.speakers
        )
        if not self.facts:
            self.why_not = "no message of the trace is known to hold the right answer"
        for fact in self.facts:
            names = ", ".join(witness.name for witness in fact.witnesses)
            self.note("facts", f"{fact.value!r} witnessed by {names}")

    def _find_live_facts(self) -> None:
        """Without a gold answer: what the history says that the question may be about."""
        self.gold = None
        self.witnesses = likely_witnesses(self.reader, self.question, self.back, self.maker.seq)
        known = self.reader.names | self.reader.speakers
        self.facts = tuple(
            fact_of(own_words(witness.text), "", [witness], self.question, known)
            for witness in self.witnesses
        )
        names = ", ".join(witness.name for witness in self.witnesses) or "no message"
        self.note("facts", f"nobody knows the right answer; {names} may hold it")
        if not self.facts:
            self.why_not = "no message of the trace is like the question"

    def _find_question(self) -> str:
        """The last question behind the answer; a query, which may be reworded, if there is none."""
        for kind in ("question", "query"):
            for identifier in reversed(self.back.variables):
                if self.reader.variable(identifier).kind == kind:
                    return self.reader.text(identifier)
        return ""
