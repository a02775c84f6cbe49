"""Survival as a stage: follow every critical fact, and suspect the operations where facts died.

In: a case. Out: suspects with scores. A loss that the answer cannot do without weighs most; where
all facts reached the model, the answer itself is suspected, unless the words of the wrong answer
were made up, or put under a wrong day, by an operation before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lmcommon.judge.hedging import abstention
from memtrace.attribution.asked_path import AskedPath, asked_path
from memtrace.attribution.case import Case
from memtrace.attribution.deciding import decider_of, deletes_instead, drifting_rewrite
from memtrace.attribution.evidence import restatements
from memtrace.attribution.facts import CriticalFact
from memtrace.attribution.fusing import search_that_missed
from memtrace.attribution.grounding import follows
from memtrace.attribution.holding import Paraphrase, hold
from memtrace.attribution.matching import content_words
from memtrace.attribution.origin import Origin, origin_of
from memtrace.attribution.survival import follow
from memtrace.attribution.taxonomy import ErrorType, LossKind, error_type_of
from memtrace.attribution.types import FactPath, FactStep
from memtrace.attribution.validity import is_right
from memtrace.types import Operation

__all__ = ["SurvivalStage", "error_type_of_death"]

_SUPPORT = 0.5
"""How much the loss of a turn weighs that the answer may do without."""
_LIVE = 0.7
"""Without a gold answer what the question is about is a guess."""


class SurvivalStage:
    """Follows facts from operation to operation; calls no model.

    Args:
        paraphrase: Finds a sentence said in other words (see `attribution.paraphrasing`), used only
            where words fail and an operation may rewrite; None: only words count.
    """

    name = "survival"

    def __init__(self, *, paraphrase: Paraphrase | None = None) -> None:
        self._paraphrase = paraphrase

    def examine(self, case: Case) -> None:
        """Look at one case."""
        asked = asked_path(case.reader, case.back)
        origin = origin_of(case)
        if origin is not None:
            case.note(self.name, _told_origin(origin))
        if case.gold is None and not case.facts:
            _suspect_made_up(case, origin, 0.8)
            case.suspect(
                case.maker, ErrorType.RESPONSE, LossKind.DISTORTED, 0.6,
                f"the history has no answer, and {case.prediction!r} was given all the same",
            )  # fmt: skip
            return
        case.paths = [
            follow(
                case.reader, fact, case.answer, case.back,
                [
                    *restatements(case.reader, fact, case.back, case.maker.seq),
                    *_put_back(case, fact),
                ],
                asked=asked, paraphrase=self._paraphrase,
            )
            for fact in case.facts
        ]  # fmt: skip
        for path in case.paths:
            case.note(self.name, _told(path))
        primary = [path for path in case.paths if path.fact.is_primary]
        for path in case.paths:
            _suspect_path(case, path, asked, share=1.0 if path.fact.is_primary else _SUPPORT)
        if case.asked.is_live and _follows_from_reached(case):
            return
        if case.facts and all(path.reached_model for path in primary):
            _suspect_made_up(case, origin, 0.9)
            _suspect_response(case, primary)


def _put_back(case: Case, fact: CriticalFact) -> list[tuple[str, str, bool]]:
    """Where a repair put a fact back, as restatements of it."""
    reader, found = case.reader, []
    for identifier in case.put_back:
        held = hold(fact, reader.passage(identifier), (), reader.speakers, may_rewrite=True)
        if held is not None:
            found += [(identifier, line, True) for line in held.lines]
    return found


def _follows_from_reached(case: Case) -> bool:
    """Live: the answer follows from what reached the model, nothing speaks against it."""
    turns = [w for path in case.paths if path.reached_model for w in path.fact.witnesses]
    if not follows(case.prediction, turns, case.question):
        return False
    case.why_not = f"the answer {case.prediction!r} follows from {turns[0].name}"
    case.suspects.clear()
    return True


def error_type_of_death(
    death: FactStep, operation: Operation, *, deletes: bool = False
) -> ErrorType:
    """The error type that the loss of a fact at an operation means.

    Args:
        death: The loss.
        operation: Who is blamed for it: the step's own operation, or the one that decided.
        deletes: Whether it deleted something instead of writing the fact.
    """
    if death.loss is LossKind.DELETED or deletes:
        return ErrorType.DELETION
    reads_query = death.loss in (LossKind.NOT_RETRIEVED, LossKind.CUT)
    return error_type_of(operation.kind, reads_query=reads_query, writes_item=True)


def _suspect_path(case: Case, path: FactPath, asked: AskedPath, *, share: float) -> None:
    if path.reached_model:
        return
    names = ", ".join(witness.name for witness in path.fact.witnesses)
    death = path.death
    if death is None and path.steps:
        case.why_not = (
            f"{path.steps[-1].name} ({path.steps[-1].operation}) kept {_quoted(path)}, and the "
            "trace does not tell what became of it"
        )
        return
    if death is None:
        case.suspect(
            None, ErrorType.EXTRACTION, LossKind.NEVER_WRITTEN, 0.5 * share,
            f"no operation read {names}, where {_quoted(path)} was said",
        )  # fmt: skip
        return
    certainty = (0.9 if path.is_verbatim else 0.8) if path.fact.phrase else 0.75
    certainty *= _LIVE if case.asked.is_live else 1.0
    certainty = min(0.95, certainty + 0.05) if death.variant else certainty
    operation = case.reader.operation(death.operation)
    instead = f"; it says {death.variant!r} instead" if death.variant else ""
    losses = [step for step in path.steps if not step.kept]
    search = search_that_missed(case.reader, death, losses, asked)
    if (rewrite := _drifted(case, death, search or operation, asked)) is not None:
        case.suspect(
            rewrite, error_type_of(rewrite.kind, reads_query=True, writes_item=False),
            LossKind.NOT_RETRIEVED, certainty * share,
            f"{rewrite.name} ({rewrite.id}) left out what the question asks about, and "
            f"{operation.name} ({operation.id}) then missed {_quoted(path)}",
        )  # fmt: skip
        certainty *= 0.8
    if search is not None:
        case.suspect(
            search, error_type_of_death(death, search), death.loss, certainty * share,
            f"{search.name} ({search.id}) missed {_quoted(path)} from {names}, so that "
            f"{operation.name} ({operation.id}) ranked it too low to keep",
        )  # fmt: skip
        certainty *= 0.7
    deletes = partial(deletes_instead, case.reader)
    if (decider := decider_of(case.reader, death, path.steps)) is not None:
        case.note("survival", f"{operation.name} ({operation.id}) did as {decider.name} said")
        case.suspect(
            decider, error_type_of_death(death, decider, deletes=deletes(decider)), death.loss,
            certainty * share,
            f"{decider.name} ({decider.id}) decided, and {operation.name} ({operation.id}) "
            f"carried out, what cost {_quoted(path)} from {names}: {death.loss}{instead}",
        )  # fmt: skip
        certainty *= 0.7
    case.suspect(
        operation, error_type_of_death(death, operation, deletes=deletes(operation)), death.loss,
        certainty * share,
        f"{operation.name} ({operation.id}) read {_quoted(path)} from {names} and passed on "
        f"nothing that holds it: {death.loss}{instead}",
    )  # fmt: skip


def _drifted(
    case: Case, death: FactStep, search: Operation, asked: AskedPath
) -> Operation | None:  # fmt: skip
    if search.id not in asked.searches or death.variant:
        return None
    return drifting_rewrite(case.reader, search.id, asked)


def _suspect_made_up(case: Case, origin: Origin | None, score: float) -> None:
    """Blame whoever made up the words of the answer, if nobody ever said them so."""
    if origin is None or origin.operation is None or origin.operation.id == case.maker.id:
        return
    maker = origin.operation
    case.suspect(
        maker, error_type_of(maker.kind, reads_query=False, writes_item=True), LossKind.DISTORTED,
        score, f"{maker.name} ({maker.id}) wrote {origin.line!r}, which nothing it read says; the "
        f"answer {case.prediction!r} comes from there",
    )  # fmt: skip


def _suspect_response(case: Case, primary: Sequence[FactPath]) -> None:
    if case.gold is not None and is_right(case):
        return
    lost = [path for path in primary if not path.in_answer] or list(primary)
    for path in lost:
        _suspect_wrong_day(case, path)
    for path in case.paths:
        _suspect_altered(case, path)
    is_literal = all(path.fact.phrase and path.is_verbatim for path in lost)
    is_missing_support = any(not path.reached_model for path in case.paths)
    score = (0.85 if is_literal else 0.65) * (_LIVE if case.asked.is_live else 1.0)
    loss = LossKind.DISTORTED if _takes_other_value(case) else LossKind.UNUSED
    case.suspect(
        case.maker, ErrorType.RESPONSE, loss, score - (0.15 if is_missing_support else 0.0),
        f"the model was given {_quoted(lost[0])} and answered {case.prediction!r}: {loss}",
    )  # fmt: skip


def _suspect_wrong_day(case: Case, path: FactPath) -> None:
    """The fact reached the model, though under another day than it was said on."""
    step = next((step for step in path.steps if step.misdated and step.in_slice), None)
    if step is None:
        return
    operation = case.reader.operation(step.operation)
    case.suspect(
        operation, error_type_of(step.kind, reads_query=False, writes_item=True),
        LossKind.DISTORTED, 0.87,
        f"{step.name} ({step.operation}) put {_quoted(path)} under {step.misdated}; it was said on "
        f"{', '.join(sorted(path.fact.said_on))}",
    )  # fmt: skip


def _suspect_altered(case: Case, path: FactPath) -> None:
    """The value reached the model, though what it stands beside was cut or changed on the way."""
    step = next((step for step in path.steps if step.altered and step.in_slice), None)
    if step is None:
        return
    operation = case.reader.operation(step.operation)
    case.suspect(
        operation, error_type_of(step.kind, reads_query=False, writes_item=True),
        LossKind.DISTORTED, 0.7,
        f"{step.name} ({step.operation}) kept {_quoted(path)}, and changed what stands beside it: "
        f"{step.altered!r}",
    )  # fmt: skip


def _takes_other_value(case: Case) -> bool:
    """Whether the answer's words stand in the context, though not as the fact."""
    if abstention(case.prediction) is not None:
        return False
    words = content_words(case.prediction) - content_words(case.question)
    texts = (case.reader.passage(identifier) for identifier in case.maker.input_ids)
    return bool(words) and any(text.covers(words)[0] >= 0.99 for text in texts)


def _quoted(path: FactPath) -> str:
    value = path.fact.value
    return repr(value if len(value) <= 80 else value[:77] + "...")


def _told_origin(origin: Origin) -> str:
    if origin.operation is None:
        return f"the words of the answer were said in {origin.variable}: {origin.line!r}"
    return (
        f"the words of the answer come from {origin.operation.name} ({origin.operation.id}), which "
        f"read nothing that says {origin.line!r}"
    )


def _told(path: FactPath) -> str:
    if path.reached_model:
        end = "reached the model" + (" and stands in the answer" if path.in_answer else "")
    elif path.death is None:
        end = "is not seen again" if path.steps else "was read by no operation"
    else:
        end = f"died at {path.death.name} ({path.death.operation}): {path.death.loss}"
    return f"{_quoted(path)} passed {sum(s.kept for s in path.steps)} operations and {end}"
