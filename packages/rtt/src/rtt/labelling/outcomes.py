"""What became of one item of a source: labelled rows, rejections, agreement; and its JSON form.

A run appends one outcome an item, so that it can be taken up after a kill, and nothing that failed
is lost: every item has rows or a rejection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lmcommon.data.rows import Row
from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Verdict
from rtt.discriminator.examples import LabelledResponse, example_from_row, example_to_json
from rtt.labelling.agreement import AnnotatorAgreement
from rtt.labelling.annotator import Annotated
from rtt.labelling.negatives import Unmade, row_prompt_id

__all__ = [
    "Outcome", "Rejected", "rejected_annotation", "rejected_negative", "rejected_verdicts",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """An item, or a reply, that gave no row.

    Example:
        `Rejected(source="annotator", kind="judged", prompt_id="p1", reason="segments missing")`
    """

    source: str
    kind: str
    prompt_id: str
    reason: str
    """Few different ones: they are counted."""
    detail: str = ""
    criterion: str = ""
    reply: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one item gave."""

    rows: tuple[LabelledResponse, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    cost: int | None = None
    """Of a minimal edit: characters taken out and put in."""
    agreement: AnnotatorAgreement | None = None
    """Of two annotators."""
    exact: AnnotatorAgreement | None = None
    """Of the annotator's labels (first) with those of a program check (second)."""

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "rows": [example_to_json(row) for row in self.rows],
            "rejected": [asdict(one) for one in self.rejected],
            "cost": self.cost,
            "agreement": asdict(self.agreement) if self.agreement else None,
            "exact": asdict(self.exact) if self.exact else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, path: str, index: int) -> Outcome:
        """Back from a JSON object.

        Raises:
            DataError: A row is malformed.
        """
        return cls(
            rows=tuple(example_from_row(Row(row, path=path, index=index)) for row in value["rows"]),
            rejected=tuple(Rejected(**one) for one in value["rejected"]),
            cost=value["cost"],
            agreement=_agreement(value["agreement"]),
            exact=_agreement(value["exact"]),
        )


def _agreement(value: Mapping[str, int] | None) -> AnnotatorAgreement | None:
    return AnnotatorAgreement(**value) if value else None


def rejected_annotation(results: Sequence[Annotated], source: str) -> Iterator[Rejected]:
    """The replies of annotators that cannot be used."""
    for one in results:
        if one.rejection is not None:
            yield Rejected(
                source=source, kind=one.item.criterion.constraint_id or "judged",
                prompt_id=one.item.prompt_id, reason=one.rejection, detail=one.why,
                criterion=one.item.criterion.text, reply=one.reply,
            )  # fmt: skip


def rejected_negative(one: Unmade) -> Rejected:
    """A negative that could not be made. What follows a colon or a bracket is detail."""
    reason = one.reason.split(":", 1)[0].split(" (", 1)[0]
    if reason.startswith("the response breaks"):
        reason = "the response breaks a criterion already"
    return Rejected(
        source=one.how, kind=one.kind, prompt_id=one.prompt_id, reason=reason, detail=one.reason
    )


def rejected_verdicts(
    prompt: RubricPrompt, verdicts: Sequence[Verdict], source: str
) -> Iterator[Rejected]:
    """The criteria of a response that have no verdict; and the response itself if no program
    checks any.
    """
    for criterion, verdict in zip(prompt.rubric.criteria, verdicts, strict=True):
        if not verdict.is_scored:
            yield Rejected(
                source=source, kind=criterion.constraint_id or "judged",
                prompt_id=row_prompt_id(prompt), reason="no verdict", detail=verdict.failure or "",
                criterion=criterion.text,
            )  # fmt: skip
    if not any(verdict.source == "program" for verdict in verdicts):
        yield Rejected(
            source=source, kind="judged", prompt_id=row_prompt_id(prompt),
            reason="no program checks a criterion",
        )  # fmt: skip
