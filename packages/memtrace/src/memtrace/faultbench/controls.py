"""Controls: cases in which blaming an operation of the memory would be wrong.

Either nothing failed, or the gold answer, the question or the judge is at fault. Others join
through the entry point group `memtrace.controls`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from lmcommon.data.generated.facts import facts_of
from lmcommon.data.generated.plan import ATTRIBUTES
from lmcommon.data.types import Question
from memtrace.attribution.types import Verdict
from memtrace.execution.interventions import Oracle
from memtrace.execution.places import Place
from memtrace.faultbench.judges import LenientJudge, StrictJudge
from memtrace.faultbench.kinds import KINDS
from memtrace.faultbench.kinds.point import Bend
from memtrace.faultbench.rewording import answers_alike, lines_alike
from memtrace.faultbench.shapes import texts_in
from memtrace.faultbench.targets import another, targets_of
from memtrace.faultbench.types import CleanRun, Control, Staging

__all__ = ["CONTROLS"]

_DISTORTING = (
    "answer_distorted", "drop_qualifier", "hallucinate", "ignore_evidence", "overwrite_with_old",
    "stale_entry", "wrong_date", "wrong_entity",
)  # fmt: skip
"""Kinds after which the model tends to say something, and something wrong."""


class NoFault:
    """Nothing is wrong: right, and judged right."""

    name = "no_fault"

    def stagings(self, run: CleanRun, question: Question, rng: random.Random) -> Iterator[Staging]:
        """The question as it is."""
        yield Staging(question=question, verdict=Verdict.NO_FAILURE, judged=True)


class BenignRewording:
    """A statement is passed on in other words that say the same: right, and judged right."""

    name = "benign_rewording"

    def stagings(self, run: CleanRun, question: Question, rng: random.Random) -> Iterator[Staging]:
        """At any point that the fact passes through."""
        points = [one for one in run.passing(question) if one.role not in ("query", "lines")]
        rng.shuffle(points)
        for target in targets_of(run.conversation, question):
            for seen in points:
                if seen.kind == "answer" or not any(t in target for t in texts_in(seen.value)):
                    continue
                function = lines_alike(target, rng)
                if function(seen.value) != seen.value:
                    defect = Oracle(at=seen.place, role=seen.role, function=function)
                    yield Staging(
                        question=question, verdict=Verdict.NO_FAILURE, judged=True,
                        defects=(defect,),
                    )  # fmt: skip


class WrongGold:
    """The gold answer is not what the evidence says; the answer is."""

    name = "wrong_gold"

    def stagings(self, run: CleanRun, question: Question, rng: random.Random) -> Iterator[Staging]:
        """With another plausible gold answer."""
        for target in targets_of(run.conversation, question):
            if target.needle.lower() == (question.answer or "").lower():
                gold = another(target, run.conversation, rng)
                yield Staging(
                    question=replace(question, answer=gold), verdict=Verdict.ANNOTATION,
                    judged=False,
                )  # fmt: skip


class AmbiguousQuestion:
    """The question names nobody, and two people's facts answer it: gold is the one not given."""

    name = "ambiguous_question"

    def stagings(self, run: CleanRun, question: Question, rng: random.Random) -> Iterator[Staging]:
        """For a question about the present that holds of somebody else as well."""
        attribute = ATTRIBUTES.get(str(question.metadata.get("attribute")))
        place = _answer_place(run, question)
        if attribute is None or question.metadata.get("kind") != "current" or place is None:
            return
        latest = {
            fact.subject: fact for fact in facts_of(run.conversation)
            if fact.attribute == attribute.key
        }  # fmt: skip
        who = rng.choice(("the friend", "one of them", "the colleague"))
        for subject, fact in latest.items():
            is_other = subject != question.metadata.get("person") and fact.value != question.answer
            if is_other and fact.operation != "delete":
                said = Oracle(at=place, role="reply", function=_saying(fact.value))
                yield Staging(
                    question=replace(question, text=attribute.now.format(person=who)),
                    verdict=Verdict.ANNOTATION, judged=False, defects=(said,), is_right=False,
                    shown=(fact.value,),
                )  # fmt: skip


class JudgedStrictly:
    """The answer is right in other words, and the judge wants the gold answer's own."""

    name = "strict_judge"

    def stagings(self, run: CleanRun, question: Question, rng: random.Random) -> Iterator[Staging]:
        """Ways to say the same."""
        place = _answer_place(run, question)
        if question.answer is None or place is None:
            return
        for text in answers_alike(question.answer, rng):
            said = Oracle(at=place, role="reply", function=_saying(text))
            yield Staging(
                question=question, verdict=Verdict.JUDGE, judged=False, judge=StrictJudge(),
                defects=(said,),
            )  # fmt: skip


class JudgedLeniently:
    """A fault makes the answer wrong, and the judge lets it pass."""

    name = "lenient_judge"

    def stagings(self, run: CleanRun, question: Question, rng: random.Random) -> Iterator[Staging]:
        """With faults of kinds after which something wrong is said."""
        for name in rng.sample(_DISTORTING, len(_DISTORTING)):
            places = list(KINDS[name].opportunities(run, question))
            rng.shuffle(places)
            for place in places[:2]:
                yield Staging(
                    question=question, verdict=Verdict.JUDGE, judged=True, is_right=False,
                    judge=LenientJudge(), defects=(KINDS[name].plant(place, rng).defect,),
                )  # fmt: skip


def _saying(text: str) -> Bend:
    return lambda _: text


def _answer_place(run: CleanRun, question: Question) -> Place | None:
    return next(
        (one.place for one in run.passing(question) if one.kind == "answer" and one.question), None
    )


CONTROLS: dict[str, Control] = {
    one.name: one
    for one in (
        NoFault(), BenignRewording(), WrongGold(), AmbiguousQuestion(), JudgedStrictly(),
        JudgedLeniently(),
    )
}  # fmt: skip
"""By name."""
