"""The metrics of runs as series to draw: read, given one name in every engine, put side by side.

In: run folders with `metrics.jsonl`, one row a step, flat or nested by one level. Out: for each
metric, label to runs to points. Runs that differ in nothing but their seed share a label.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from lmcommon.runlog import Run

__all__ = ["METRICS", "Points", "Series", "TrainedRun", "choose", "read_runs", "series_of"]

Points = Sequence[tuple[int, float]]
Series = Mapping[str, Sequence[Points]]
"""Label to its runs; a run is a sequence of (step, value)."""

METRICS = (
    "reward", "all_satisfied", "satisfied_rate", "heldout_all_satisfied", "heldout_satisfied_rate",
    "by_kind/*", "heldout_by_kind/*", "entropy", "length", "token_over_response", "unscored",
    "unscored_criteria", "heldout_unscored", "groups_without_signal", "truncated",
    "clip_fraction*", "kl", "grad_norm", "loss",
    "tokens_per_s",
)  # fmt: skip
"""What is drawn by default, in this order, as far as a run has it."""

_PREFIXES = ("train/", "rtt/")
_ALIASES = {
    "completions/mean_length": "length",
    "completions/clipped_ratio": "truncated",
    "clip_ratio/region_mean": "clip_fraction",
    "gradient_norm": "grad_norm",
}
_DEPTH = 3
_NOT_A_SETTING = ("seed", "threads", "processes", "hydra")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedRun:
    """One run: what it was told to do, and what it measured.

    Example:
        `TrainedRun(folder=Path("runs/rtt-train/a"), name="RTT-AON", settings={"train.steps": "3"},
        metrics={"reward": ((1, 0.1), (2, 0.2))})`
    """

    folder: Path
    name: str
    """Name of its credit scheme, or of its folder."""
    settings: Mapping[str, str]
    """Its configuration, flat, without what cannot change what is learned on average (the seed)."""
    metrics: Mapping[str, Points]


def read_runs(paths: Sequence[str]) -> list[TrainedRun]:
    """Read runs.

    Args:
        paths: Run folders, folders of run folders (a sweep, a demo), or patterns with `*`.

    Raises:
        UserError: Nothing is there, or no run has a row of metrics.
    """
    folders = [folder for path in paths for folder in _folders(path)]
    runs = [_read(folder) for folder in dict.fromkeys(folders)]
    if not any(run.metrics for run in runs):
        raise UserError(f"curves: expected runs with rows in metrics.jsonl; got none in {paths}")
    return runs


def series_of(runs: Sequence[TrainedRun]) -> dict[str, dict[str, list[Points]]]:
    """Metric to label to runs. One label for runs that differ in their seed alone."""
    labels = _labels(runs)
    found: dict[str, dict[str, list[Points]]] = {}
    for run, label in zip(runs, labels, strict=True):
        for metric, points in run.metrics.items():
            found.setdefault(metric, {}).setdefault(label, []).append(points)
    return found


def choose(known: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Names of metrics that match the patterns, in the order of the patterns.

    Raises:
        UserError: A pattern fits nothing.
    """
    chosen: dict[str, None] = {}
    for pattern in patterns:
        fitting = [name for name in sorted(known) if fnmatchcase(name, pattern)]
        if not fitting and patterns is not METRICS:
            raise UserError(
                f"metrics: expected names or patterns of {', '.join(sorted(known))}; got "
                f"{pattern!r}"
            )
        chosen.update(dict.fromkeys(fitting))
    return list(chosen)


def _folders(path: str) -> list[Path]:
    has_pattern = any(sign in path for sign in "*?[") and not Path(path).exists()
    base = Path(path)
    roots = sorted(_matches(base)) if has_pattern else [base]
    found = [folder for root in roots for folder in _with_metrics(root)]
    if not found:
        raise UserError(
            f"curves: expected run folders with metrics.jsonl, or a folder of such; got {path!r}"
        )
    return found


def _matches(pattern: Path) -> Iterator[Path]:
    anchor = Path(pattern.anchor) if pattern.is_absolute() else Path()
    return anchor.glob(str(pattern.relative_to(anchor) if pattern.is_absolute() else pattern))


def _with_metrics(root: Path, depth: int = 0) -> list[Path]:
    if (root / "metrics.jsonl").is_file():
        return [root]
    if depth == _DEPTH or not root.is_dir():
        return []
    below = sorted(path for path in root.iterdir() if path.is_dir())
    return [folder for path in below for folder in _with_metrics(path, depth + 1)]


def _read(folder: Path) -> TrainedRun:
    points: dict[str, dict[int, float]] = {}
    for number, row in enumerate(Run(folder).read("metrics")):
        step = row.get("step", number + 1)
        for name, value in _flat(row):
            if name != "step":
                points.setdefault(name, {})[int(step)] = value  # a step taken again counts once
    settings = _settings(folder)
    return TrainedRun(
        folder=folder,
        name=_name(folder, settings),
        settings={
            key: value for key, value in settings.items() if key.split(".")[0] not in _NOT_A_SETTING
        },
        metrics={name: tuple(sorted(values.items())) for name, values in points.items()},
    )


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Numbers of a row by their common name; what is no number is left out."""
    for key, value in row.items():
        name = f"{prefix}{key}"
        for front in _PREFIXES:
            name = name.removeprefix(front)
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}/")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield _ALIASES.get(name, name), float(value)


def _settings(folder: Path) -> dict[str, str]:
    path = folder / "config.yaml"
    if not path.is_file():
        return {}
    from omegaconf import OmegaConf

    return dict(_leaves(OmegaConf.to_container(OmegaConf.load(path))))


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _leaves(one, f"{prefix}{key}.")
    else:
        yield prefix.rstrip("."), str(value)


def _name(folder: Path, settings: Mapping[str, str]) -> str:
    result = folder / "result.json"
    if result.is_file():
        label = json.loads(result.read_text(encoding="utf-8")).get("label")
        if label:
            return str(label)
    reward = settings.get("credit.reward")
    if reward:
        from rtt.train.advantage import Credit

        scheme = settings.get("credit.scheme", "none")
        try:
            return Credit(scheme=scheme, reward=reward).label
        except UserError:  # of another version
            return f"{scheme} {reward}"
    return folder.name


def _labels(runs: Sequence[TrainedRun]) -> list[str]:
    """The name of each run, with settings that tell it from every other run of that name."""
    labels = []
    for run in runs:
        rivals = [other.settings for other in runs if other.name == run.name]
        said = ", ".join(f"{key}={run.settings.get(key, '(none)')}" for key in _telling(rivals))
        labels.append(f"{run.name} ({said})" if said else run.name)
    return labels


def _telling(rivals: Sequence[Mapping[str, str]]) -> list[str]:
    """A few keys that tell apart whatever differs: a key is taken if it splits what was one."""
    chosen: list[str] = []
    parts = 1
    for key in sorted({key for settings in rivals for key in settings}):
        split = len({tuple(one.get(other) for other in (*chosen, key)) for one in rivals})
        if split > parts:
            chosen, parts = [*chosen, key], split
    return chosen
