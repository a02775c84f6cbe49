"""Tables of figures in Markdown: a model beside the floors, and a model kind by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rtt.discriminator.measures import Figures, Measures, Score

__all__ = ["group_table", "kind_table", "source_table"]


def source_table(sources: Mapping[str, Measures]) -> list[str]:
    """One row a source: how good it is on the same rows.

    Args:
        sources: By what they are called, in the order of the rows.
    """
    lines = [
        "| source | F1, mean over kinds [95 %] | local kinds | pooled F1 | precision | recall | "
        "average precision | span overlap | calibration error |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in sources.items():
        cells = [
            _score(one.macro_f1), _score(one.local_f1), _number(one.pooled.f1),
            _number(one.pooled.precision), _number(one.pooled.recall),
            _number(one.macro_average_precision), _number(one.macro_iou),
            _number(one.pooled.calibration_error),
        ]  # fmt: skip
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def kind_table(measured: Measures, *, floors: Mapping[str, Measures] | None = None) -> list[str]:
    """One row a kind, the worst first; the best floor's F1 beside it."""
    order = sorted(measured.kinds.items(), key=lambda item: (item[1].f1 is None, item[1].f1 or 0.0))
    best = " best floor |" if floors else ""
    lines = [
        f"| kind | rows | relevant words | F1 |{best} precision | recall | average precision | "
        "span overlap |",
        f"|---|---|---|---|{'---|' if floors else ''}---|---|---|---|",
    ]
    for kind, one in order:
        beside = f" {_best(kind, floors)} |" if floors else ""
        lines.append(
            f"| {kind or '(none)'} | {one.rows} | {100 * one.relevant:.1f} % | {_number(one.f1)} |"
            f"{beside} {_number(one.precision)} | {_number(one.recall)} | "
            f"{_number(one.average_precision)} | {_number(one.iou)} |"
        )
    return lines


def group_table(title: str, groups: Mapping[str, Figures]) -> list[str]:
    """One row a scope or verdict, its words pooled."""
    lines = [
        f"| {title} | rows | relevant words | pooled F1 | precision | recall | calibration error |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {one.rows} | {100 * one.relevant:.1f} % | {_number(one.f1)} | "
        f"{_number(one.precision)} | {_number(one.recall)} | {_number(one.calibration_error)} |"
        for name, one in groups.items()
    ]
    return lines


def _best(kind: str, floors: Mapping[str, Measures]) -> str:
    known: Sequence[tuple[float, str]] = [
        (f1, name)
        for name, one in floors.items()
        if kind in one.kinds and (f1 := one.kinds[kind].f1) is not None
    ]
    if not known:
        return "-"
    value, name = max(known)
    return f"{value:.3f} ({name})"


def _score(one: Score) -> str:
    if one.value is None or one.low is None or one.high is None:
        return _number(one.value)
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
