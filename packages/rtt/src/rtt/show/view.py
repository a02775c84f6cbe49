"""What there is to show of a scored response: its tokens, their credit, and why.

In: scored groups, or records of them, and a credit scheme for what carries no credit yet. Out: one
plain `CreditView` a response; the terminal and the HTML page draw the same view.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Verdict
from rtt.credit.tokens import intra_sample
from rtt.records import RolloutRecord, records_of
from rtt.show.glyphs import cut_tokens
from rtt.train.advantage import Credit
from rtt.train.scoring import score_tensors
from rtt.types import ScoredGroup

__all__ = ["CreditView", "CriterionView", "view_groups", "view_records"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionView:
    """One criterion of a shown response.

    Example:
        `CriterionView(text="No dune.", satisfied=True, relevance=(0.0, 1.0))`
    """

    text: str
    satisfied: bool | None
    """Whether the response does what the criterion wants: for one of negative weight, that it does
    not hold. None: unscored, `reason` says why."""
    relevance: tuple[float, ...]
    """How much each token decides it, [T]."""
    part: tuple[float, ...] = ()
    """Its share of the intra-sample credit of each token, [T]: the shares of all criteria add up
    to the credit (before the weight). Empty: unscored."""
    source: str = ""
    """program or judge."""
    reason: str = ""
    """Rationale of the verdict, or why there is none."""
    kind: str = ""
    """Id of the program check; empty for a judged criterion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditView:
    """One response with the credit of its tokens.

    Example:
        `CreditView(prompt="start amber :", label="RTT-AON", tokens=("amber", " dune"),
        advantage=(1.2, -0.4), criteria=(...))`
    """

    prompt: str
    label: str
    """Name of the credit scheme."""
    tokens: tuple[str, ...]
    """Text of each token, [T]; empty for one that adds none."""
    advantage: tuple[float, ...]
    """Advantage of each token: response part plus token part, [T]."""
    criteria: tuple[CriterionView, ...]
    gaps: tuple[str, ...] = ()
    """Text that no token covers, before each token and after the last, [T + 1]; empty: none."""
    covered: tuple[bool, ...] = ()
    """Whether a token covers characters at all, [T]; empty: those with text do."""
    prompt_id: str = ""
    step: int = 0
    group: int = 0
    sample: int = 0
    finish: str = "stop"
    """stop, or length for a response that was cut off."""
    is_recorded: bool = True
    """Whether the advantages are those of training; else they were computed to be shown."""

    @property
    def mean_advantage(self) -> float:
        """Mean over the tokens: the response part, where token credit sums to zero (intra)."""
        return sum(self.advantage) / len(self.advantage) if self.advantage else 0.0

    @property
    def met(self) -> float | None:
        """Share of the scored criteria that are satisfied; None: nothing was scored."""
        known = [one.satisfied for one in self.criteria if one.satisfied is not None]
        return sum(known) / len(known) if known else None

    def is_covering(self, place: int) -> bool:
        """Whether a token covers characters, be they shown by an earlier one."""
        return self.covered[place] if self.covered else bool(self.tokens[place])


def view_groups(groups: Sequence[ScoredGroup], credit: Credit) -> list[CreditView]:
    """Views of every sample of `groups`, in order, with the credit they would get."""
    return view_records(records_of(groups), credit)


def view_records(records: Iterable[RolloutRecord], credit: Credit) -> list[CreditView]:
    """Views of records, in order.

    Args:
        records: Whole groups: credit compares the samples of a prompt.
        credit: For groups whose records carry no advantage.

    Raises:
        UserError: A record has not as many advantages or relevances as tokens.
    """
    pools: dict[tuple[int, int, str], list[RolloutRecord]] = {}
    for record in records:
        pools.setdefault((record.step, record.group, record.prompt.id), []).append(record)
    return [view for pool in pools.values() for view in _views(pool, credit)]


def _views(pool: list[RolloutRecord], credit: Credit) -> list[CreditView]:
    for record in pool:
        _check(record)
    if all(record.advantage or not record.scored.rollout.tokens for record in pool):
        return [_view(one, one.advantage, one.label, is_recorded=True) for one in pool]
    group = ScoredGroup(prompt=pool[0].prompt, samples=tuple(one.scored for one in pool))
    advantage_BT, _ = credit.advantages(score_tensors([group]), len(pool))
    return [
        _view(
            record, tuple(row[: len(record.scored.rollout.tokens)]), credit.label,
            is_recorded=False,
        )
        for record, row in zip(pool, advantage_BT.tolist(), strict=True)
    ]  # fmt: skip


def _view(
    record: RolloutRecord, advantage: tuple[float, ...], label: str, *, is_recorded: bool
) -> CreditView:
    rollout, verdicts = record.scored.rollout, record.scored.verdicts
    tokens, gaps = cut_tokens(rollout.text, rollout.offsets)
    criteria = record.prompt.rubric.criteria
    met = [one.is_met(told.satisfied) for one, told in zip(criteria, verdicts, strict=True)]
    parts = _parts(met, record.scored.relevance)
    return CreditView(
        prompt=record.prompt.prompt,
        label=label,
        tokens=tokens,
        gaps=gaps,
        covered=tuple(end > start for start, end in rollout.offsets),
        advantage=advantage,
        criteria=tuple(
            _criterion(*four)
            for four in zip(criteria, verdicts, record.scored.relevance, parts, strict=True)
        ),
        prompt_id=record.prompt.id,
        step=record.step,
        group=record.group,
        sample=record.sample,
        finish=rollout.finish_reason,
        is_recorded=is_recorded,
    )


def _criterion(
    criterion: Criterion, verdict: Verdict, relevance: tuple[float, ...], part: tuple[float, ...]
) -> CriterionView:
    return CriterionView(
        text=criterion.text if criterion.weight >= 0 else f"must not hold: {criterion.text}",
        satisfied=criterion.is_met(verdict.satisfied),
        relevance=relevance,
        part=part,
        source=verdict.source,
        reason=verdict.failure or _rationale(criterion, verdict),
        kind=criterion.constraint_id or "",
    )


def _rationale(criterion: Criterion, verdict: Verdict) -> str:
    """The reason, after the grade if there is one."""
    if verdict.score is None or criterion.scale is None:
        return verdict.rationale
    low, high = criterion.scale
    return f"grade {verdict.score:g} ({low:g} to {high:g}). {verdict.rationale}".strip()


def _parts(
    met: Sequence[bool | None], relevance: Sequence[tuple[float, ...]]
) -> list[tuple[float, ...]]:
    """Each scored criterion's share of the paper's token credit: alone, over their number."""
    scored = [k for k, one in enumerate(met) if one is not None and relevance[k]]
    parts: list[tuple[float, ...]] = [()] * len(met)
    if scored:
        alone_KT = intra_sample(
            [[relevance[k]] for k in scored],
            [[1.0 if met[k] else -1.0] for k in scored],
        )
        for k, row in zip(scored, (alone_KT / len(scored)).tolist(), strict=True):
            parts[k] = tuple(row)
    return parts


def _check(record: RolloutRecord) -> None:
    """Refuse a record that does not fit together."""
    count = len(record.scored.rollout.tokens)
    where = f"step {record.step}, group {record.group}, sample {record.sample}"
    rows = {"verdicts": len(record.scored.verdicts), "relevances": len(record.scored.relevance)}
    for name, got in rows.items():
        if got != len(record.prompt.rubric):
            raise _unsound(where, f"one row of {name} a criterion", len(record.prompt.rubric), got)
    lengths = {"relevances": [len(row) for row in record.scored.relevance]}
    if record.advantage:
        lengths["advantages"] = [len(record.advantage)]
    for name, got_all in lengths.items():
        for got in got_all:
            if got != count:
                raise _unsound(where, f"as many {name} as tokens", count, got)
    numbers = [*record.advantage, *(one for row in record.scored.relevance for one in row)]
    if not all(map(math.isfinite, numbers)):
        raise UserError(
            f"{where}: expected finite advantages and relevances; got others; rtt-validate lists "
            "what is wrong with a file"
        )


def _unsound(where: str, what: str, expected: int, got: int) -> UserError:
    return UserError(
        f"{where}: expected {what} ({expected}), got {got}; rtt-validate lists what is wrong with "
        "a file"
    )
