"""Attribution of one wrong answer, stage by stage, cheapest first.

Stages: `validity` (does the gold answer follow from the evidence at all?) and `survival` (where did
its facts die?). Neither calls a model. Every stage writes what it found into the log.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from lmcommon.judge.answer import NormalizedAnswerJudge
from lmcommon.judge.base import AnswerItem
from lmcommon.judge.hedging import abstention
from memtrace.attribution.evidence import find_witnesses, named_witnesses, restatements
from memtrace.attribution.facts import CriticalFact, critical_facts
from memtrace.attribution.matching import content_words
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.survival import follow
from memtrace.attribution.taxonomy import ErrorType, LossKind, error_type_of
from memtrace.attribution.types import Attribution, FactPath, FactStep, Suspect
from memtrace.graph.reading.trace import Trace
from memtrace.types import Operation, Slice, Variable

__all__ = ["STAGES", "attribute"]

STAGES = ("validity", "survival")
_ABSTAIN_BELOW = 0.3


def attribute(
    trace: Trace | TraceReader, answer: str, *, gold: str | None,
    evidence: Sequence[str] | None = None, question: str | None = None,
    stages: Sequence[str] = STAGES,
) -> Attribution:  # fmt: skip
    """Say which operation of a trace is to blame for a wrong answer.

    Args:
        trace: The trace, or a `TraceReader` over it (cheaper for many answers of one trace).
        answer: Variable id of the answer.
        gold: The right answer; None when the right behaviour was to abstain.
        evidence: Names of the messages (turn ids) or sessions that hold the right answer; None:
            they are looked for by the gold answer.
        question: The question's text; None: the question variable behind the answer.
        stages: Which stages to run, of `STAGES`.

    Returns:
        Ranked suspects with the path of every critical fact. `abstained` when the evidence is
        too weak; operation ids are always operations of this trace.

    Raises:
        ValueError: An unknown stage, or a variable that no operation made.
        KeyError: The trace has no such variable.
    """
    if unknown := [stage for stage in stages if stage not in STAGES]:
        raise ValueError(f"stages: expected some of {list(STAGES)}; got {unknown}")
    started = time.perf_counter()
    reader = trace if isinstance(trace, TraceReader) else TraceReader(trace)
    case = _Case(reader, answer, gold, question)
    case.find_facts(evidence)
    if "validity" in stages:
        case.check_validity()
    if "survival" in stages:
        case.check_survival()
    elapsed_ms = (time.perf_counter() - started) * 1000
    return case.verdict({"model_calls": 0, "cost_usd": 0.0, "time_ms": round(elapsed_ms, 1)})


class _Case:
    """One answer under examination."""

    def __init__(
        self, reader: TraceReader, answer: str, gold: str | None, question: str | None
    ) -> None:
        self.reader, self.gold = reader, gold
        self.answer: Variable = reader.variable(answer)
        if self.answer.producer is None:
            raise ValueError(f"answer: expected a variable that an operation made; got {answer!r}")
        self.maker: Operation = reader.operation(self.answer.producer)
        self.back: Slice = reader.graph.upstream(answer)
        self.question = self._find_question() if question is None else question
        self.prediction = reader.text(answer)
        self.facts: tuple[CriticalFact, ...] = ()
        self.paths: list[FactPath] = []
        self.suspects: list[Suspect] = []
        self.log: list[str] = []
        self.why_not = ""

    def find_facts(self, evidence: Sequence[str] | None) -> None:
        """Resolve the evidence and split the gold answer."""
        if self.gold is None:
            self.log.append("facts: the right behaviour was to abstain, there is nothing to follow")
            return
        if evidence is None:
            witnesses = find_witnesses(
                self.reader, self.gold, self.question, self.back, self.maker.seq
            )
            self.log.append(f"facts: no evidence given, {len(witnesses)} witnesses guessed")
        else:
            witnesses, missing = named_witnesses(
                self.reader, evidence, self.back, self.gold, self.maker.seq
            )
            if missing:
                self.log.append(f"facts: evidence {missing} names no message of the trace")
        self.facts = critical_facts(self.gold, witnesses, self.question)
        if not self.facts:
            self.why_not = "no message of the trace is known to hold the right answer"
        for fact in self.facts:
            names = ", ".join(witness.name for witness in fact.witnesses)
            self.log.append(f"facts: {fact.value!r} witnessed by {names}")

    def check_validity(self) -> None:
        """Suspect the judge of a right answer, the label when the evidence has nothing of it."""
        if self._is_right():
            self.log.append("validity: the answer is right when compared by program")
            right = "abstains, as is right" if self.gold is None else "gives the gold answer"
            shown = "" if self.gold is None else f" {self.gold!r}"
            self._suspect(
                None, ErrorType.JUDGE, LossKind.NOT_LOST, 0.95,
                f"the answer {self.prediction!r} {right}{shown}",
            )  # fmt: skip
            return
        if self.gold is None or not self.facts or any(fact.phrase for fact in self.facts):
            return
        said = frozenset[str]().union(*(content_words(f.value) for f in self.facts))
        wanted = content_words(self.gold)
        is_computed = any(char.isdigit() for word in wanted for char in word) or len(wanted) > 4
        if wanted & said or is_computed or not wanted:
            self.log.append("validity: the gold answer is not in the evidence word for word")
            return
        self.log.append("validity: no word of the gold answer is in the evidence")
        self._suspect(
            None, ErrorType.ANNOTATION, LossKind.NOT_LOST, 0.35,
            f"the evidence holds no word of the gold answer {self.gold!r}",
        )  # fmt: skip

    def check_survival(self) -> None:
        """Follow every fact and suspect the operations where facts died."""
        if self.gold is None:
            self._suspect(
                self.maker, ErrorType.RESPONSE, LossKind.DISTORTED, 0.6,
                f"the history has no answer, and {self.prediction!r} was given all the same",
            )  # fmt: skip
            return
        self.paths = [
            follow(
                self.reader, fact, self.answer, self.back,
                restatements(self.reader, fact, self.back, self.maker.seq),
            )
            for fact in self.facts
        ]  # fmt: skip
        for path in self.paths:
            self.log.append(_told(path))
        primary = [path for path in self.paths if path.fact.is_primary]
        for path in self.paths:
            self._suspect_path(path, share=1.0 if path.fact.is_primary else 0.6)
        if self.facts and all(path.reached_model for path in primary):
            self._suspect_response(primary)

    def verdict(self, cost: dict[str, float]) -> Attribution:
        """Rank the suspects and decide, or abstain."""
        ranked = tuple(sorted(_merged(self.suspects), key=self._rank))
        confidence = ranked[0].score if ranked else 0.0
        abstained = confidence < _ABSTAIN_BELOW
        for suspect in ranked:
            assert suspect.operation is None or self.reader.graph.has_operation(suspect.operation)
        if abstained:
            reason = self.why_not or "the evidence is too weak to name an operation"
        else:
            reason = ranked[0].evidence
        return Attribution(
            answer=self.answer.id, question=self.question, prediction=self.prediction,
            gold=self.gold, suspects=ranked, paths=tuple(self.paths),
            confidence=round(confidence, 3), abstained=abstained, reason=reason,
            log=tuple(self.log), cost=cost,
        )  # fmt: skip

    def _suspect_path(self, path: FactPath, *, share: float) -> None:
        if path.reached_model:
            return
        names = ", ".join(witness.name for witness in path.fact.witnesses)
        if path.death is None and path.steps:
            self.why_not = (
                f"{path.steps[-1].name} ({path.steps[-1].operation}) kept {_quoted(path)}, and the "
                "trace does not tell what became of it"
            )
            return
        if path.death is None:
            self._suspect(
                None, ErrorType.EXTRACTION, LossKind.NEVER_WRITTEN, 0.5 * share,
                f"no operation read {names}, where {_quoted(path)} was said",
            )  # fmt: skip
            return
        certainty = (0.9 if path.is_verbatim else 0.7) if path.fact.phrase else 0.75
        operation = self.reader.operation(path.death.operation)
        self._suspect(
            operation, self._error_type(path.death, operation), path.death.loss, certainty * share,
            f"{operation.name} ({operation.id}) read {_quoted(path)} from {names} and passed on "
            f"nothing that holds it: {path.death.loss}",
        )  # fmt: skip

    def _suspect_response(self, primary: Sequence[FactPath]) -> None:
        if self._is_right():
            return
        lost = [path for path in primary if not path.in_answer] or primary
        is_literal = all(path.fact.phrase and path.is_verbatim for path in lost)
        loss = LossKind.DISTORTED if self._takes_other_value() else LossKind.UNUSED
        self._suspect(
            self.maker, ErrorType.RESPONSE, loss, 0.85 if is_literal else 0.55,
            f"the model was given {_quoted(lost[0])} and answered {self.prediction!r}: {loss}",
        )  # fmt: skip

    def _is_right(self) -> bool:
        """Whether the program's own comparison accepts the answer: then nothing was lost."""
        item = AnswerItem(question=self.question, gold=self.gold, prediction=self.prediction)
        return NormalizedAnswerJudge().judge([item])[0].satisfied is True

    def _takes_other_value(self) -> bool:
        """Whether the answer's words stand in the context, though not as the fact."""
        if abstention(self.prediction) is not None:
            return False
        words = content_words(self.prediction) - content_words(self.question)
        texts = (self.reader.passage(identifier) for identifier in self.maker.input_ids)
        return bool(words) and any(text.covers(words)[0] >= 0.99 for text in texts)

    def _suspect(
        self, operation: Operation | None, error_type: ErrorType, loss: LossKind, score: float,
        evidence: str,
    ) -> None:  # fmt: skip
        self.suspects.append(Suspect(
            operation=operation.id if operation else None, name=operation.name if operation else "",
            kind=operation.kind if operation else "", error_type=error_type, loss=loss,
            score=round(score, 3), evidence=evidence,
        ))  # fmt: skip

    def _rank(self, suspect: Suspect) -> tuple[float, int]:
        """Best score first; of equals the earliest operation, which is the decisive one."""
        seq = self.reader.operation(suspect.operation).seq if suspect.operation else 0
        return -suspect.score, seq

    def _error_type(self, death: FactStep, operation: Operation) -> ErrorType:
        if death.loss is LossKind.DELETED:
            return ErrorType.DELETION
        if death.loss is LossKind.NEVER_WRITTEN:
            return ErrorType.EXTRACTION
        reads_query = death.loss in (LossKind.NOT_RETRIEVED, LossKind.CUT)
        return error_type_of(operation.kind, reads_query=reads_query, writes_item=True)

    def _find_question(self) -> str:
        for identifier in reversed(self.back.variables):
            if self.reader.variable(identifier).kind in ("question", "query"):
                return self.reader.text(identifier)
        return ""


def _merged(suspects: Sequence[Suspect]) -> list[Suspect]:
    """One entry an operation and error type: the best one."""
    best: dict[tuple[str | None, ErrorType], Suspect] = {}
    for suspect in suspects:
        key = suspect.operation, suspect.error_type
        if key not in best or suspect.score > best[key].score:
            best[key] = suspect
    return list(best.values())


def _quoted(path: FactPath) -> str:
    value = path.fact.value
    return repr(value if len(value) <= 80 else value[:77] + "...")


def _told(path: FactPath) -> str:
    if path.reached_model:
        end = "reached the model" + (" and stands in the answer" if path.in_answer else "")
    elif path.death is None:
        end = "is not seen again" if path.steps else "was read by no operation"
    else:
        end = f"died at {path.death.name} ({path.death.operation}): {path.death.loss}"
    return (
        f"survival: {_quoted(path)} passed {sum(s.kept for s in path.steps)} operations and {end}"
    )
