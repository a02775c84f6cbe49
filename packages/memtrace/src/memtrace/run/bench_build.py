"""`memtrace-bench-build`: cases for annotators from real runs, checked, agreed on, exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from memtrace.run.tables import as_table
from memtrace.scoring.annotating import (
    FOLDER,
    Annotated,
    BuiltCase,
    agreed,
    agreement,
    check_operations,
    read_annotations_of,
    read_cases,
)
from memtrace.scoring.bench_building import TEMPLATE, build_cases
from memtrace.scoring.bench_exporting import export_cases

__all__ = ["BenchBuildConfig", "bench_build", "main"]

_ACTIONS = ("build", "check", "export")


@dataclass(kw_only=True)
class BenchBuildConfig:
    """What to do with which cases."""

    action: str = "build"
    """build: make cases; check: validate the forms and tell agreement; export: write files in the
    MemTraceBench format, with the labels that a majority agrees on."""
    runs: list[str] = field(default_factory=list)
    """build: traces or run folders of memtrace-trace."""
    out: str = "???"
    """The folder of cases."""
    max_cases: int | None = None
    """build: only so many, drawn evenly over systems and question types."""
    seed: int = 0
    """Of the draw."""

    def __post_init__(self) -> None:
        if self.action not in _ACTIONS:
            raise UserError(f"action: expected one of {', '.join(_ACTIONS)}; got {self.action!r}")
        if self.max_cases is not None and self.max_cases < 1:
            raise UserError(f"max_cases: expected at least 1; got {self.max_cases!r}")


def bench_build(cfg: BenchBuildConfig, run: Run) -> dict[str, Any]:
    """Make cases for annotators from the wrong answers of runs; check and export what they say."""
    out = Path(cfg.out)
    if cfg.action == "build":
        return _build(cfg, out, run)
    cases = {case.id: case for case in read_cases(out)}
    annotations = read_annotations_of(out, cases)
    check_operations(out, cases, annotations)
    if cfg.action == "check":
        if not annotations:
            run.console.print(_nothing(out, annotations), markup=False, highlight=False)
        return _check(cases, annotations, run)
    written = export_cases(out, cases, agreed(annotations), annotations)
    if not written:
        run.console.print(_nothing(out, annotations), markup=False, highlight=False)
    return {"out": str(out), "files": [str(path) for path in written],
            "annotations": len(agreed(annotations))}  # fmt: skip


def _build(cfg: BenchBuildConfig, out: Path, run: Run) -> dict[str, Any]:
    if not cfg.runs:
        raise UserError("runs: expected traces or run folders; got none; give 'runs=[FOLDER,...]'")
    made = build_cases(
        [Path(one) for one in cfg.runs], out, max_cases=cfg.max_cases, seed=cfg.seed,
        progress=lambda items: run.progress(items, "cases"),
    )  # fmt: skip
    run.console.print(
        f"{len(made)} cases in {out}; copy annotations/TEMPLATE.jsonl.txt to "
        "annotations/NAME.jsonl, fill in verdict, operations, error_types and reason, then: "
        f"memtrace-bench-build action=check out={out}", markup=False, highlight=False,
    )  # fmt: skip
    return {"out": str(out), "cases": len(made),
            "systems": sorted({case.system for case in made})}  # fmt: skip


def _check(
    cases: Mapping[str, BuiltCase], annotations: list[Annotated], run: Run
) -> dict[str, Any]:
    pairs = agreement(annotations)
    rows = [
        {
            "annotators": f"{one.left}, {one.right}", "cases": str(one.cases),
            "same operations": f"{one.operation:.3f}", "kappa": _kappa(one.operation_kappa),
            "same error type": f"{one.error_type:.3f}", "kappa ": _kappa(one.error_type_kappa),
        }
        for one in pairs
    ]  # fmt: skip
    if rows:
        run.console.print(as_table(rows, "agreement"))
    labels = agreed(annotations)
    done = {one.case for one in annotations}
    for case in sorted(done - labels.keys()):
        run.console.print(f"no majority: {case}", markup=False, highlight=False)
    return {
        "cases": len(cases), "annotated": len(done), "labelled": len(labels),
        "annotators": sorted({one.annotator for one in annotations}),
        "agreement": [asdict(one) for one in pairs],
    }  # fmt: skip


def _nothing(out: Path, annotations: Sequence[Annotated]) -> str:
    """Why there is no label yet, and what to do."""
    if annotations:
        return "no case has a label that more than half of its annotators gave: nothing is exported"
    folder = out / FOLDER
    return (
        f"nothing is annotated yet: copy {folder / TEMPLATE} to {folder / 'NAME.jsonl'} and fill "
        "in at least the verdicts"
    )


def _kappa(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


main = entrypoint(
    "memtrace/bench-build", BenchBuildConfig, bench_build, groups={}, positional=("out",),
    keeps_run=False,
)  # fmt: skip

if __name__ == "__main__":
    main()
