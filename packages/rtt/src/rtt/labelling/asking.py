"""One or two annotators at work on a list of responses, as outcomes.

In: responses to be annotated and the annotators. Out: one `Outcome` a response: the row of one
annotator, or what two agree on, with rejections; where a program checks the criterion also how the
labels compare with the exact ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from lmcommon.judge.types import Verdict
from lmcommon.verify.checking import check
from lmcommon.verify.registry import is_known
from rtt.discriminator.examples import LabelledResponse
from rtt.discriminator.labels import spans_to_chars
from rtt.labelling.agreement import AnnotatorAgreement, merge_annotations
from rtt.labelling.annotator import Annotated, Annotator, Unlabelled
from rtt.labelling.outcomes import Outcome, rejected_annotation
from rtt.taxonomy import deciding_spans

__all__ = ["annotate"]


def annotate(annotators: Sequence[Annotator], items: Sequence[Unlabelled]) -> list[Outcome]:
    """Ask one or two annotators about all items.

    Raises:
        ValueError: None, or more than two, annotators.
    """
    if len(annotators) not in (1, 2):
        raise ValueError(f"annotate: expected one or two annotators; got {len(annotators)}")
    told = [one.annotate(items) for one in annotators]
    return [_outcome(results) for results in zip(*told, strict=True)]


def _outcome(results: Sequence[Annotated]) -> Outcome:
    rejected = tuple(rejected_annotation(results, "annotator"))
    agreement = None
    if len(results) == 2:
        rows, agreement = merge_annotations(results[:1], results[1:])
    else:
        rows = [one.row for one in results if one.rejection is None]
    exact = _against_check(results[0].item, rows[0]) if rows else None
    return Outcome(rows=tuple(rows), rejected=rejected, agreement=agreement, exact=exact)


def _against_check(item: Unlabelled, row: LabelledResponse) -> AnnotatorAgreement | None:
    """How the labels compare with those of the program check, if there is one."""
    constraint = item.criterion.constraint_id
    if constraint is None or not is_known(constraint):
        return None
    verdict: Verdict = check(
        constraint, item.criterion.kwargs, prompt=item.prompt, response=item.response
    )
    truth = spans_to_chars(deciding_spans(item.criterion, verdict), len(item.response))
    counts = [0, 0, 0, 0]
    for mine, right in zip(row.char_labels, truth, strict=True):
        if mine >= 0:
            counts[2 * mine + right] += 1
    neither, second_only, first_only, both = counts
    return AnnotatorAgreement(
        both=both, first_only=first_only, second_only=second_only, neither=neither, rows=1, alone=0
    )
