"""People's spans: the answers of QA-Feedback as labelled responses.

In: answers in which people marked wrong places, each with a kind of error. Out: one row a kind that
is marked in an answer; its criterion is a fixed sentence, relevant are the marked characters
(overlapping marks are one). What is missing from an answer has no place in it and gives no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from lmcommon.data.qa_feedback import MarkedAnswer
from rtt.discriminator.examples import LabelledResponse
from rtt.labelling.rules import prompt_id
from rtt.types import Span

__all__ = ["ERROR_CRITERIA", "people_examples"]

ERROR_CRITERIA: Mapping[str, str] = MappingProxyType(
    {
        "Irrelevant": "Everything in the answer is relevant to the question.",
        "Redundant": "Nothing in the answer repeats what it has said already.",
        "Incoherent": "Every part of the answer is coherent and makes sense.",
        "Wrong-Grounding": "Nothing in the answer contradicts the passages that it rests on.",
        "Unverifiable": "Everything in the answer is supported by the passages that it rests on.",
    }
)
"""What an answer with a kind of error breaks."""


def people_examples(
    answers: Iterable[MarkedAnswer], *, with_absent: bool = False, with_passages: bool = False
) -> Iterator[LabelledResponse]:
    """Rows of marked answers, in their order.

    Args:
        answers: Of `lmcommon.data.qa_feedback`.
        with_absent: Also a row, without relevant characters, for each kind of error that an
            answer does not have.
        with_passages: Whether the prompt holds the passages beside the question. Without them
            nobody can see what is badly grounded or cannot be verified.

    Raises:
        ValueError: A kind of error that has no criterion.
    """
    for answer in answers:
        present = {mark.kind for mark in answer.marks}
        if unknown := sorted(present - ERROR_CRITERIA.keys()):
            raise ValueError(
                f"answer {answer.id!r}: expected errors of {', '.join(ERROR_CRITERIA)}; "
                f"got {unknown}"
            )
        for kind, criterion in ERROR_CRITERIA.items():
            if kind not in present and not with_absent:
                continue
            yield LabelledResponse(
                criterion=criterion,
                response=answer.answer,
                spans=_merged(answer.spans(kind)),
                prompt=_prompt(answer, with_passages=with_passages),
                prompt_id=prompt_id(answer.question),
                kind=f"people:{kind.lower()}",
                satisfied=kind not in present,
                source="people",
                origin="qa_feedback",
            )


def _merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Sorted spans with overlapping and touching ones as one; empty ones left out."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if start == end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _prompt(answer: MarkedAnswer, *, with_passages: bool) -> str:
    if not with_passages:
        return answer.question
    passages = [f"{one.title}: {' '.join(one.sentences)}" for one in answer.passages]
    return "\n\n".join([answer.question, *passages])
