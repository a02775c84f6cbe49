"""What a discriminator is measured on, and beside what.

In: a discriminator, the parts of the data, the floors that are wanted. Out: figures of every source
on the test part and on the kinds held out. A floor whose numbers are no probabilities gets the
threshold that suits it best on validation rows. Beside a discriminator that is told the verdict
each floor also stands as one that is: silent on rows met, or on rows broken, whichever suits it
best on validation rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lmcommon.errors import UserError
from rtt.discriminator.calibration import (
    Bin,
    calibration_error,
    fit_temperature,
    reliability,
    tempered,
)
from rtt.discriminator.encoding import Asked
from rtt.discriminator.examples import LabelledResponse
from rtt.discriminator.measures import Measures, best_threshold, measure
from rtt.discriminator.model import TokenDiscriminator
from rtt.discriminator.rows import asked_of
from rtt.discriminator.words import Array, word_scores
from rtt.relevance.floors import (
    AllOnes,
    AllZeros,
    CharacterRelevance,
    ContrastFloor,
    EmbeddingSimilarity,
    KeywordOverlap,
)
from rtt.run.discriminator_data import Parts

__all__ = ["FLOORS", "MODEL", "TOLD", "Calibration", "Floors", "Tested", "calibrate", "test_parts"]

MODEL = "discriminator"
TOLD = " (told the verdict)"
"""Of a floor that stands beside a discriminator which is told the verdict."""
FLOORS = ("ones", "zeros", "keywords", "embedding", "contrast")
TESTED = ("test", "held_out")

Progress = Callable[[Iterable[Any], str], Iterable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The temperature that was fitted on validation rows. Example: 1.3."""

    temperature: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One part of the data, measured."""

    sources: Mapping[str, Measures]
    """The discriminator first, then the floors, on the same rows."""
    sampled: Mapping[str, Measures]
    """The floors, and the discriminator beside them, that were measured on a sample only."""
    sample_rows: Mapping[str, int]
    before: float | None
    """Calibration error of the discriminator at temperature 1, words pooled."""
    after: float | None
    """The same after division by the fitted temperature."""
    bins_before: Sequence[Bin]
    bins_after: Sequence[Bin]
    label_sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Floors:
    """Which floors, and what they need."""

    names: tuple[str, ...]
    rows: int
    contrast_rows: int
    embed: Any = None
    policy: Any = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, key in (("embedding", "embed"), ("contrast", "policy")):
            if name in self.names and getattr(self, key) is None:
                option = {"embed": "bundled", "policy": "pretrained"}[key]
                raise UserError(
                    f"floors: {name} needs {key}; got none; give {key}={option}, or leave it out"
                )

    def build(self, name: str) -> CharacterRelevance:
        """The source of one floor."""
        if name == "embedding":
            return EmbeddingSimilarity(embedder=self.embed.build())
        if name == "contrast":
            return ContrastFloor(policy=self.policy.build((), seed=self.seed))
        plain: dict[str, type[CharacterRelevance]] = {
            "ones": AllOnes, "zeros": AllZeros, "keywords": KeywordOverlap,
        }  # fmt: skip
        return plain[name]()

    def limit(self, name: str) -> int | None:
        """Most rows that a floor is measured on; None: all."""
        return {"embedding": self.rows, "contrast": self.contrast_rows}.get(name)


def calibrate(model: TokenDiscriminator, rows: Sequence[LabelledResponse]) -> Calibration:
    """Fit a temperature by the likelihood of the labels of words (validation rows).

    What the model was told before is undone, so that fitting twice is fitting once.
    """
    labels, scores = _words(rows, model.relevances([asked_of(model, row) for row in rows]))
    plain = tempered(scores, 1 / model.temperature)
    return Calibration(temperature=fit_temperature(plain, labels))


def test_parts(
    model: TokenDiscriminator, parts: Parts, floors: Floors, *, draws: int, seed: int,
    progress: Progress,
) -> dict[str, Tested]:  # fmt: skip
    """Measure the model, at the temperature that it was told, and the floors, on each part."""
    built = {name: floors.build(name) for name in floors.names}
    tuned = parts["validation"] or parts["train"]
    thresholds, silences = {}, dict[str, bool | None]()
    for name in floors.names:
        limit = floors.limit(name)
        if limit is None and not model.reads_verdict:
            continue
        some = tuned if limit is None else sample(tuned, limit)
        guessed = built[name].relevances(_asked(some))
        if limit is not None:
            thresholds[name] = best_threshold(some, guessed)
        if model.reads_verdict:
            silences[name] = _best_silence(some, guessed, thresholds.get(name, 0.5))
    found = {}
    jobs = [part for part in TESTED if parts[part]]  # type: ignore[index]
    for part in progress(jobs, "measured"):
        rows = parts[part]
        told = model.relevances([asked_of(model, row) for row in rows])
        sources = {MODEL: measure(rows, told, draws=draws, seed=seed)}
        sampled: dict[str, Measures] = {}
        counts = {}
        for name, source in built.items():
            limit = floors.limit(name)
            some = list(rows) if limit is None else sample(rows, limit)
            guessed = source.relevances(_asked(some))
            settings: Any = {
                "draws": draws, "seed": seed, "threshold": thresholds.get(name, 0.5),
            }  # fmt: skip
            measured = {name: measure(some, guessed, **settings)}
            if (silence := silences.get(name)) is not None:
                gated = _silenced(some, guessed, silence)
                measured[f"{name}{TOLD}"] = measure(some, gated, **settings)
            if len(some) == len(rows):
                sources |= measured
                continue
            counts[name] = len(some)
            sampled |= measured
            mine = {id(row): one for row, one in zip(rows, told, strict=True)}
            sampled[f"{MODEL} (same rows as {name})"] = measure(
                some, [mine[id(row)] for row in some], draws=draws, seed=seed
            )
        labels, scores = _words(rows, told)
        plain = tempered(scores, 1 / model.temperature)
        found[part] = Tested(
            sources=sources, sampled=sampled, sample_rows=counts,
            before=calibration_error(plain, labels), after=calibration_error(scores, labels),
            bins_before=reliability(plain, labels), bins_after=reliability(scores, labels),
            label_sources=tuple(sorted({row.source for row in rows})),
        )  # fmt: skip
    return found


def _best_silence(
    rows: Sequence[LabelledResponse], guessed: Sequence[Array], threshold: float
) -> bool | None:
    """The verdict on which a floor that is told it had best say nothing; None: on neither."""

    def f1(silence: bool | None) -> float:
        if not rows:
            return 0.0
        gated = _silenced(rows, guessed, silence)
        return measure(rows, gated, threshold=threshold, draws=0).macro_f1.value or 0.0

    return max((None, False, True), key=f1)


def _silenced(
    rows: Sequence[LabelledResponse], guessed: Sequence[Array], silence: bool | None
) -> list[Array]:
    """Zeros where the verdict is the one given, what was guessed elsewhere."""
    return [
        np.zeros_like(one) if silence is not None and row.satisfied is silence else one
        for row, one in zip(rows, guessed, strict=True)
    ]


def sample(rows: Sequence[LabelledResponse], number: int) -> list[LabelledResponse]:
    """Kinds in turn, each from its first row on, in the order of the rows."""
    if len(rows) <= number:
        return list(rows)
    turns: dict[str, int] = {}
    placed = []
    for place, row in enumerate(rows):
        turns[row.kind] = turns.get(row.kind, -1) + 1
        placed.append((turns[row.kind], place))
    chosen = sorted(sorted(placed)[:number], key=lambda one: one[1])
    return [rows[place] for _, place in chosen]


def _asked(rows: Sequence[LabelledResponse]) -> list[Asked]:
    return [Asked(row.criterion, row.response, row.prompt) for row in rows]


def _words(
    rows: Sequence[LabelledResponse], told: Iterable[Sequence[float] | Array]
) -> tuple[Array, Array]:
    """Labels and scores of all words."""
    cut = [word_scores(row, one) for row, one in zip(rows, told, strict=True)]
    if not cut:
        return np.zeros(0), np.zeros(0)
    return np.concatenate([one.labels for one in cut]), np.concatenate([one.scores for one in cut])
