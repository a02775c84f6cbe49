"""Survival as a stage: follow every critical fact, and suspect the operations where facts died."""

from __future__ import annotations

from collections.abc import Sequence

from lmcommon.judge.hedging import abstention
from memtrace.attribution.case import Case
from memtrace.attribution.evidence import restatements
from memtrace.attribution.matching import content_words
from memtrace.attribution.survival import follow
from memtrace.attribution.taxonomy import ErrorType, LossKind, error_type_of
from memtrace.attribution.types import FactPath, FactStep
from memtrace.attribution.validity import is_right
from memtrace.types import Operation

__all__ = ["SurvivalStage", "error_type_of_death"]


class SurvivalStage:
    """Follows facts from operation to operation; calls no model."""

    name = "survival"

    def examine(self, case: Case) -> None:
        """Look at one case."""
        if case.gold is None:
            case.suspect(
                case.maker, ErrorType.RESPONSE, LossKind.DISTORTED, 0.6,
                f"the history has no answer, and {case.prediction!r} was given all the same",
            )  # fmt: skip
            return
        case.paths = [
            follow(
                case.reader, fact, case.answer, case.back,
                restatements(case.reader, fact, case.back, case.maker.seq),
            )
            for fact in case.facts
        ]  # fmt: skip
        for path in case.paths:
            case.note(self.name, _told(path))
        primary = [path for path in case.paths if path.fact.is_primary]
        for path in case.paths:
            _suspect_path(case, path, share=1.0 if path.fact.is_primary else 0.6)
        if case.facts and all(path.reached_model for path in primary):
            _suspect_response(case, primary)


def error_type_of_death(death: FactStep, operation: Operation) -> ErrorType:
    """The error type that the loss of a fact at an operation means."""
    if death.loss is LossKind.DELETED:
        return ErrorType.DELETION
    if death.loss is LossKind.NEVER_WRITTEN:
        return ErrorType.EXTRACTION
    reads_query = death.loss in (LossKind.NOT_RETRIEVED, LossKind.CUT)
    return error_type_of(operation.kind, reads_query=reads_query, writes_item=True)


def _suspect_path(case: Case, path: FactPath, *, share: float) -> None:
    if path.reached_model:
        return
    names = ", ".join(witness.name for witness in path.fact.witnesses)
    if path.death is None and path.steps:
        case.why_not = (
            f"{path.steps[-1].name} ({path.steps[-1].operation}) kept {_quoted(path)}, and the "
            "trace does not tell what became of it"
        )
        return
    if path.death is None:
        case.suspect(
            None, ErrorType.EXTRACTION, LossKind.NEVER_WRITTEN, 0.5 * share,
            f"no operation read {names}, where {_quoted(path)} was said",
        )  # fmt: skip
        return
    certainty = (0.9 if path.is_verbatim else 0.7) if path.fact.phrase else 0.75
    operation = case.reader.operation(path.death.operation)
    case.suspect(
        operation, error_type_of_death(path.death, operation), path.death.loss, certainty * share,
        f"{operation.name} ({operation.id}) read {_quoted(path)} from {names} and passed on "
        f"nothing that holds it: {path.death.loss}",
    )  # fmt: skip


def _suspect_response(case: Case, primary: Sequence[FactPath]) -> None:
    if is_right(case):
        return
    lost = [path for path in primary if not path.in_answer] or list(primary)
    is_literal = all(path.fact.phrase and path.is_verbatim for path in lost)
    loss = LossKind.DISTORTED if _takes_other_value(case) else LossKind.UNUSED
    case.suspect(
        case.maker, ErrorType.RESPONSE, loss, 0.85 if is_literal else 0.55,
        f"the model was given {_quoted(lost[0])} and answered {case.prediction!r}: {loss}",
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


def _told(path: FactPath) -> str:
    if path.reached_model:
        end = "reached the model" + (" and stands in the answer" if path.in_answer else "")
    elif path.death is None:
        end = "is not seen again" if path.steps else "was read by no operation"
    else:
        end = f"died at {path.death.name} ({path.death.operation}): {path.death.loss}"
    return f"{_quoted(path)} passed {sum(s.kept for s in path.steps)} operations and {end}"
