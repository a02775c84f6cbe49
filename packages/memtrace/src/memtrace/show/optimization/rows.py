"""Versions, comparisons and advice as rows of tables: JSON for files, short texts for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from memtrace.optimizing.advising import Advice, KnobEffect
from memtrace.optimizing.comparing import Compared
from memtrace.optimizing.types import Optimization, Version, digest_of

__all__ = [
    "advice_cells", "advice_summary", "compared_cells", "mass_rows", "share", "version_cells",
    "version_row",
]  # fmt: skip


def version_row(version: Version) -> dict[str, Any]:
    """A version as a row of `versions.jsonl`."""
    decision = version.decision
    return {
        "number": version.number, "digest": version.digest, "parent": version.parent,
        "texts": dict(version.texts), "refused": dict(version.refused),
        "accepted": decision.accepted, "reason": decision.reason, "wins": decision.wins,
        "losses": decision.losses, "p_value": decision.p_value, "drops": dict(decision.drops),
        "seen": decision.seen, "validation": version.validation,
        "metric_calls": version.metric_calls, "mass": dict(version.mass),
    }  # fmt: skip


def version_cells(version: Version) -> dict[str, str]:
    """A version in short texts, by column."""
    decision = version.decision
    changed = [*version.texts, *(f"({name} refused)" for name in version.refused)]
    why = decision.reason
    if version.refused:
        why += "; refused: " + "; ".join(f"{k}: {text}" for k, text in version.refused.items())
    return {
        "version": f"v{version.number}", "changed": ", ".join(changed) or "-",
        "verdict": "accepted" if decision.accepted else "rejected",
        "won / lost": f"{decision.wins} / {decision.losses}" if decision.seen else "-",
        "p": "-" if decision.p_value is None else f"{decision.p_value:.3g}",
        "validation": share(version.validation), "metric calls": str(version.metric_calls),
        "why": why,
    }  # fmt: skip


def compared_cells(compared: Compared) -> dict[str, str]:
    """A comparison in short texts, by column."""
    return {
        "questions": str(compared.pairs), "unscored": str(compared.unscored),
        "before": share(compared.before), "after": share(compared.after),
        "difference": _difference(compared), "won / lost": f"{compared.wins} / {compared.losses}",
        "p": "-" if compared.p_value is None else f"{compared.p_value:.3g}",
    }  # fmt: skip


def advice_cells(effect: KnobEffect) -> dict[str, str]:
    """A piece of advice in short texts, by column."""
    compared = effect.compared
    tokens = [effect.tokens_before, effect.tokens_after]
    return {
        "setting": effect.knob.told, "near": effect.knob.why, "verdict": effect.verdict,
        "failures mended": "-" if compared is None else f"{effect.mended} of {effect.failures}",
        "validation": "-" if compared is None else
        f"{share(compared.before)} -> {share(compared.after)}",
        "difference": "-" if compared is None else _difference(compared),
        "won / lost": "-" if compared is None else f"{compared.wins} / {compared.losses}",
        "p (Holm)": "-" if effect.p_holm is None else f"{effect.p_holm:.3g}",
        "prompt tokens": "-" if None in tokens else f"{tokens[0]:.0f} -> {tokens[1]:.0f}",
    }  # fmt: skip


def mass_rows(done: Optimization) -> list[dict[str, str]]:
    """Blame a failure by component and operation, under the first and under the best version.

    Means over the rounds that looked at failures of the version.
    """
    first, last = (
        [one.mass for one in done.versions if one.parent == digest_of(candidate) and one.mass]
        for candidate in (done.seed, done.best)
    )
    before, after = _shares(first), _shares(last)
    names = sorted({*before, *after}, key=lambda name: (-before.get(name, 0.0), name))
    return [
        {
            "prompt or (operation)": name,
            f"before ({len(first)} rounds)": f"{before.get(name, 0.0):.0%}" if first else "-",
            f"after ({len(last)} rounds)": f"{after.get(name, 0.0):.0%}" if last else "-",
        }
        for name in names
    ]


def share(value: float | None) -> str:
    """An accuracy, or that there is none."""
    return "-" if value is None else f"{value:.3f}"


def _shares(masses: Sequence[Mapping[str, float]]) -> dict[str, float]:
    total = sum(sum(one.values()) for one in masses)
    names = {name for one in masses for name in one}
    return {
        name: sum(one.get(name, 0.0) for one in masses) / total for name in names if total
    }  # fmt: skip


def _difference(compared: Compared) -> str:
    if compared.difference is None or compared.low is None or compared.high is None:
        return "-"
    return f"{compared.difference:+.3f} [{compared.low:+.3f}, {compared.high:+.3f}]"


def advice_summary(advice: Advice) -> list[str]:
    """What the advice comes to, in sentences."""
    lines = []
    if not advice.operations:
        lines.append("No failure was left whose blame lies where no prompt governs.")
        return lines
    told = ", ".join(f"{name} {mass:.2g}" for name, mass in advice.operations.items())
    lines.append(f"Blame where no prompt governs: {told}.")
    helping = [one.knob.told for one in advice.effects if one.helps]
    if helping:
        lines.append(f"Proved to help: {'; '.join(helping)}.")
    elif advice.effects:
        lines.append("No setting that was tried is proved to help.")
    elif not advice.stopped:
        lines.append("No setting of this system is known to sit at these operations.")
    if advice.effects and advice.measured < advice.validation:
        lines.append(f"Measured on {advice.measured} of {advice.validation} validation questions.")
    if advice.stopped:
        lines.append(advice.stopped[0].upper() + advice.stopped[1:] + ".")
    lines.append("Nothing of this was applied.")
    return lines
