"""Kinds of error and kinds of loss: the words in which attribution speaks."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["DEFINITIONS", "ErrorType", "LossKind", "error_type_of"]


class ErrorType(StrEnum):
    """What went wrong. The first five are faults of the memory system, the last two are not."""

    EXTRACTION = "extraction"
    UPDATE = "update"
    DELETION = "deletion"
    RETRIEVAL = "retrieval"
    RESPONSE = "response"
    ANNOTATION = "annotation"
    JUDGE = "judge"

    @property
    def is_memory_error(self) -> bool:
        """Whether the memory system is at fault, and not the question or the judge."""
        return self not in (ErrorType.ANNOTATION, ErrorType.JUDGE)


class LossKind(StrEnum):
    """How a fact failed to reach the answer."""

    NEVER_WRITTEN = "never written"
    TRIMMED = "trimmed"
    OVERWRITTEN = "overwritten"
    DELETED = "deleted"
    NOT_RETRIEVED = "stored but not retrieved"
    CUT = "retrieved but cut from the context"
    UNUSED = "in the context but unused"
    DISTORTED = "in the context but distorted"
    NOT_LOST = "not lost"


DEFINITIONS: dict[ErrorType, str] = {
    ErrorType.EXTRACTION: "what was needed never reached any memory item",
    ErrorType.UPDATE: "the memory held it, and a later write removed or blurred it",
    ErrorType.DELETION: "the memory held it, and the item was deleted",
    ErrorType.RETRIEVAL: "the memory held it when asked, the context given to the model did not",
    ErrorType.RESPONSE: "the context sufficed, and the answer is wrong all the same",
    ErrorType.ANNOTATION: "the gold answer or its evidence is at fault",
    ErrorType.JUDGE: "the answer is acceptable, and the judge refused it",
}

_BY_KIND = {
    "message": ErrorType.EXTRACTION,
    "extraction": ErrorType.EXTRACTION,
    "segmentation": ErrorType.EXTRACTION,
    "chunking": ErrorType.EXTRACTION,
    "ingest": ErrorType.EXTRACTION,
    "update": ErrorType.UPDATE,
    "trim": ErrorType.UPDATE,
    "index": ErrorType.UPDATE,
    "deletion": ErrorType.DELETION,
    "retrieval": ErrorType.RETRIEVAL,
    "rewrite": ErrorType.RETRIEVAL,
    "rerank": ErrorType.RETRIEVAL,
    "context": ErrorType.RETRIEVAL,
    "answer": ErrorType.RESPONSE,
    "judge": ErrorType.JUDGE,
}


def error_type_of(kind: str, *, reads_query: bool, writes_item: bool) -> ErrorType:
    """The error type that a loss at an operation of this kind means.

    Args:
        kind: The operation's kind. Unknown kinds are placed by their position instead.
        reads_query: Whether the question is among the operation's ancestors.
        writes_item: Whether it writes memory items.
    """
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    if reads_query:
        return ErrorType.RETRIEVAL
    return ErrorType.UPDATE if writes_item else ErrorType.EXTRACTION
