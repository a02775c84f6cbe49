"""How good relevances are: word F1 and its relatives, by kind, scope and verdict.

In: labelled responses and one relevance a character, from a discriminator or a floor. Out: figures
of each kind (its words pooled), their mean over kinds, the pooled figures, and bootstrap intervals
over prompts. A kind without a relevant word has no F1 and is left out of the means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lmcommon.errors import UserError
from lmcommon.rng import seed_for
from lmcommon.verify.registry import is_known, scope_of
from rtt.discriminator.calibration import calibration_error
from rtt.discriminator.examples import LabelledResponse
from rtt.discriminator.ranking import auroc, average_precision
from rtt.discriminator.words import Array, WordScores, word_scores

__all__ = ["Figures", "Measures", "Score", "best_threshold", "measure", "row_scope"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is measured on some rows, their words pooled; None: there is no such number.

    Example:
        a kind with 2 relevant words, both found, and 1 word marked wrongly has precision 2/3,
        recall 1 and F1 0.8.
    """

    rows: int
    words: int
    relevant: float
    """Share of the words that are relevant."""
    precision: float | None
    """None: no word was marked."""
    recall: float | None
    """None: no word is relevant; then F1 is None as well."""
    f1: float | None
    average_precision: float | None
    auroc: float | None
    calibration_error: float | None
    iou: float | None
    """Characters relevant and marked, over those relevant or marked; None: neither occurs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A mean over kinds with its interval. Example: `Score(0.9, 0.88, 0.92, 31)` by name."""

    value: float | None
    low: float | None
    high: float | None
    kinds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """All figures of one source on one set of rows."""

    kinds: Mapping[str, Figures]
    scopes: Mapping[str, Figures]
    verdicts: Mapping[str, Figures]
    """By "satisfied", "violated", "unknown"."""
    pooled: Figures
    macro_f1: Score
    """Mean F1 over kinds: the primary figure."""
    local_f1: Score
    """The same over local kinds: those with a word that is not relevant."""
    macro_average_precision: float | None
    macro_iou: float | None

    def mean_f1(self, kinds: Iterable[str]) -> float | None:
        """Mean F1 over some of the kinds; None: none of them has one."""
        values = [self.kinds[kind].f1 for kind in kinds if kind in self.kinds]
        return _mean(values)


def measure(
    examples: Sequence[LabelledResponse], relevances: Iterable[Sequence[float] | Array], *,
    threshold: float = 0.5, draws: int = 1000, seed: int = 0,
) -> Measures:  # fmt: skip
    """Measure relevances against labels.

    Args:
        examples: Labelled responses, with their kinds.
        relevances: One number in [0, 1] a character of each response.
        threshold: A word whose score is at least this is marked.
        draws: Bootstrap samples of the prompts (rows without a prompt stand for themselves).
        seed: Of the bootstrap.

    Raises:
        ValueError: Relevances that do not fit the examples.
        UserError: There is no example.
    """
    if not examples:
        raise UserError("measure: expected at least one labelled response; got none")
    rows = [
        word_scores(example, told, threshold=threshold)
        for example, told in zip(examples, relevances, strict=True)
    ]

    def grouped(key: Callable[[LabelledResponse], str]) -> dict[str, Figures]:
        groups: dict[str, list[WordScores]] = {}
        for example, row in zip(examples, rows, strict=True):
            groups.setdefault(key(example), []).append(row)
        return {name: _figures(group, threshold) for name, group in sorted(groups.items())}

    kinds = grouped(lambda example: example.kind)
    local = {kind for kind, one in kinds.items() if 0 < one.relevant < 1}
    everything = {kind for kind, one in kinds.items() if one.f1 is not None}
    boot = _Bootstrap(examples, rows, threshold, draws=draws, seed=seed)
    return Measures(
        kinds=kinds,
        scopes=grouped(row_scope),
        verdicts=grouped(_verdict),
        pooled=_figures(rows, threshold),
        macro_f1=_score(kinds, everything, boot),
        local_f1=_score(kinds, local & everything, boot),
        macro_average_precision=_mean([one.average_precision for one in kinds.values()]),
        macro_iou=_mean([kinds[kind].iou for kind in everything]),
    )


def best_threshold(
    examples: Sequence[LabelledResponse], relevances: Iterable[Sequence[float] | Array]
) -> float:
    """The threshold of the highest mean F1 over kinds, among 20 quantiles of the word scores.

    For sources whose numbers are no probabilities; to be found on other rows than are measured.
    """
    told = list(relevances)
    rows = [word_scores(*pair) for pair in zip(examples, told, strict=True)]
    scores = np.concatenate([np.zeros(0), *(row.scores for row in rows)])
    if not len(scores):
        return 0.5
    found = {0.5: 0.0}
    for threshold in np.quantile(scores, np.linspace(0, 0.98, 20)):
        kinds: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}
        for example, row in zip(examples, rows, strict=True):
            counts = np.array(_counts(row.labels, row.scores, threshold))
            kinds[example.kind] = kinds.get(example.kind, np.zeros(3, dtype=np.int64)) + counts
        f1 = [2 * hits / (marked + known) for hits, marked, known in kinds.values() if known]
        found[float(threshold)] = float(np.mean(f1)) if f1 else 0.0
    return max(found, key=lambda one: found[one])


def row_scope(example: LabelledResponse) -> str:
    """The taxonomy's scope of a row's kind; "local" or "global" by its labels if none is known."""
    if is_known(example.kind):
        try:
            return scope_of(example.kind)
        except UserError:
            pass  # depends on arguments, which a row does not hold
    return "global" if example.spans is None else "local"


def _verdict(example: LabelledResponse) -> str:
    return {True: "satisfied", False: "violated", None: "unknown"}[example.satisfied]


def _figures(rows: Sequence[WordScores], threshold: float) -> Figures:
    labels = np.concatenate([row.labels for row in rows])
    scores = np.concatenate([row.scores for row in rows])
    hits, marked, relevant = _counts(labels, scores, threshold)
    either = sum(row.either for row in rows)
    return Figures(
        rows=len(rows),
        words=len(labels),
        relevant=relevant / len(labels) if len(labels) else 0.0,
        precision=hits / marked if marked else None,
        recall=hits / relevant if relevant else None,
        f1=2 * hits / (marked + relevant) if relevant else None,
        average_precision=average_precision(scores, labels),
        auroc=auroc(scores, labels),
        calibration_error=calibration_error(scores, labels),
        iou=sum(row.both for row in rows) / either if either else None,
    )


def _counts(labels: Array, scores: Array, threshold: float) -> tuple[int, int, int]:
    """Words relevant and marked, words marked, words relevant."""
    relevant, marked = labels == 1, scores >= threshold
    return int((relevant & marked).sum()), int(marked.sum()), int(relevant.sum())


def _score(kinds: Mapping[str, Figures], chosen: set[str], boot: _Bootstrap) -> Score:
    low, high = boot.interval(chosen)
    value = _mean([kinds[kind].f1 for kind in chosen])
    return Score(value=value, low=low, high=high, kinds=len(chosen))


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


class _Bootstrap:
    """Counts of every prompt and kind, resampled by prompt."""

    def __init__(
        self, examples: Sequence[LabelledResponse], rows: Sequence[WordScores],
        threshold: float, *, draws: int, seed: int,
    ) -> None:  # fmt: skip
        prompts: dict[str, int] = {}
        self._kinds = sorted({example.kind for example in examples})
        place = {kind: number for number, kind in enumerate(self._kinds)}
        units = [
            prompts.setdefault(example.prompt_id or f"row {number}", len(prompts))
            for number, example in enumerate(examples)
        ]
        self._counts_PKC = np.zeros((len(prompts), len(place), 3))
        for unit, example, row in zip(units, examples, rows, strict=True):
            self._counts_PKC[unit, place[example.kind]] += _counts(
                row.labels, row.scores, threshold
            )
        self._draws, self._seed = draws, seed

    def interval(self, kinds: set[str]) -> tuple[float | None, float | None]:
        """95 % of the mean F1 over these kinds; None without any."""
        chosen = [place for place, kind in enumerate(self._kinds) if kind in kinds]
        if not chosen or self._draws < 1:
            return None, None
        counts = self._counts_PKC[:, chosen]
        n = len(counts)
        rng = np.random.default_rng(seed_for(self._seed, "measure"))
        weights_DP = rng.multinomial(n, np.full(n, 1 / n), size=self._draws).astype(float)
        drawn_DKC = np.tensordot(weights_DP, counts, axes=1)
        hits, marked, relevant = (drawn_DKC[..., i] for i in range(3))
        known = relevant > 0
        f1 = np.where(known, 2 * hits / np.maximum(marked + relevant, 1), 0.0)
        number = known.sum(axis=1)
        means = f1.sum(axis=1)[number > 0] / number[number > 0]
        low, high = np.percentile(means, [2.5, 97.5])
        return float(low), float(high)
