"""What rtt-discriminator tells: headline figures, the report in Markdown, the page of figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcommon.runlog import write_atomic
from rtt.discriminator.measures import Measures, Score
from rtt.discriminator.model import TokenDiscriminator
from rtt.discriminator.tables import group_table, kind_table, source_table
from rtt.run.discriminator_tests import MODEL, Calibration, Tested
from rtt.show.reliability import Bar, reliability_page

__all__ = ["Findings", "figures_of", "report_lines", "write_page"]

_TITLES = {"test": "Kinds seen in training", "held_out": "Kinds held out of training"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that a run has found out."""

    model: TokenDiscriminator
    trained: Any
    """`rtt.discriminator.Trained`; None: the discriminator was only measured."""
    calibration: Calibration
    tested: Mapping[str, Tested]
    rows: Mapping[str, int]
    """Rows of every part."""

    def kinds(self, part: str) -> list[str]:
        """Kinds of criterion in a part."""
        return list(self.tested[part].sources[MODEL].kinds) if part in self.tested else []

    @property
    def sources(self) -> list[str]:
        """Who labelled what was measured."""
        return sorted({one for tested in self.tested.values() for one in tested.label_sources})


def figures_of(found: Findings) -> dict[str, Any]:
    """The headline figures of a run, JSON-able."""
    figures: dict[str, Any] = {}
    for part, tested in found.tested.items():
        mark = "" if part == "test" else f"{part}_"
        mine, floors = tested.sources[MODEL], _floors(tested)
        best = max(floors, key=lambda name: floors[name].macro_f1.value or 0.0, default=None)
        figures |= {
            f"{mark}f1": _rounded(mine.macro_f1.value),
            f"{mark}f1_interval": [_rounded(mine.macro_f1.low), _rounded(mine.macro_f1.high)],
            f"{mark}local_f1": _rounded(mine.local_f1.value),
            f"{mark}pooled_f1": _rounded(mine.pooled.f1),
            f"{mark}average_precision": _rounded(mine.macro_average_precision),
            f"{mark}iou": _rounded(mine.macro_iou),
            f"{mark}kinds": mine.macro_f1.kinds,
            f"{mark}calibration_error": _rounded(tested.after),
            f"{mark}calibration_error_before": _rounded(tested.before),
            f"{mark}floor": best,
            f"{mark}floor_f1": _rounded(floors[best].macro_f1.value) if best else None,
        }
    trained = found.trained
    return {
        **figures,
        "temperature": _rounded(found.model.temperature),
        "fitted_temperature": _rounded(found.calibration.temperature),
        "parameters": sum(one.numel() for one in found.model.model.parameters()),
        "train_rows": found.rows["train"],
        "steps": trained.steps if trained else None,
        "train_s": round(trained.train_s, 1) if trained else None,
        "resumed_from": trained.resumed_from if trained else None,
    }


def report_lines(found: Findings, *, name: str) -> list[str]:
    """The report, in Markdown."""
    counts = ", ".join(f"{part} {number:,}" for part, number in found.rows.items())
    lines = [f"# {name}: which words of a response decide a criterion", "", f"Rows: {counts}."]
    for part, tested in found.tested.items():
        mine, floors = tested.sources[MODEL], _floors(tested)
        lines += [
            "", f"### {_TITLES[part]} ({found.rows[part]:,} rows, labels by "
            f"{', '.join(tested.label_sources)})", "",
            *source_table(tested.sources),
        ]  # fmt: skip
        if tested.sampled:
            told = ", ".join(f"{key} {number}" for key, number in tested.sample_rows.items())
            lines += ["", f"On a sample (rows: {told}):", "", *source_table(tested.sampled)]
        lines += [
            "", _calibration_line(found, tested), "",
            *group_table("scope", mine.scopes), "",
            *group_table("verdict", mine.verdicts), "",
            *kind_table(mine, floors=floors),
        ]  # fmt: skip
    lines += [
        "",
        "F1 at threshold 0.5, words between white space pooled within a kind, then the mean over "
        "kinds with a relevant word; a kind is local if some word of it is not relevant. Intervals "
        "resample prompts. Span overlap is of characters. Floors without probabilities "
        "(embedding, contrast) have the threshold that suits them best on validation rows.",
    ]
    return lines


def write_page(found: Findings, path: Path, *, name: str) -> Path:
    """Reliability diagrams and bars of every kind, as one HTML file."""
    panels = {}
    bars: dict[str, list[Bar]] = {}
    for part, tested in found.tested.items():
        title = _TITLES[part]
        panels[title] = {"before": tested.bins_before, "after": tested.bins_after}
        floors = _floors(tested)
        bars[title] = [
            Bar(name=kind, value=one.f1, floor=_best(kind, floors))
            for kind, one in tested.sources[MODEL].kinds.items()
            if one.f1 is not None
        ]
    facts = [("temperature", f"{found.model.temperature:.3f}"), ("rows", sum(found.rows.values()))]
    write_atomic(path, reliability_page(panels, bars, title=name, facts=facts))
    return path


def _floors(tested: Tested) -> dict[str, Measures]:
    return {name: one for name, one in tested.sources.items() if name != MODEL} | {
        name: one for name, one in tested.sampled.items() if not name.startswith(MODEL)
    }


def _best(kind: str, floors: Mapping[str, Measures]) -> float | None:
    known = [one.kinds[kind].f1 for one in floors.values() if kind in one.kinds]
    return max((value for value in known if value is not None), default=None)


def _calibration_line(found: Findings, tested: Tested) -> str:
    fitted = found.calibration.temperature
    used = "" if found.trained else f" (fitted here: {fitted:.3f}; kept: as the model has it)"
    return (
        f"Calibration error of words, 15 bins: {_told(tested.before)} at temperature 1, "
        f"{_told(tested.after)} at {found.model.temperature:.3f}{used}."
    )


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _rounded(value: float | Score | None) -> float | None:
    return round(value, 4) if isinstance(value, float) else None
