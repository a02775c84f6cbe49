"""The verb rtt-study: the paper's tables for one model, its arms trained and measured in turn.

One command runs all arms of the tables asked for, on all seeds; an arm that several tables need is
run once. In a multirun with `folder=` each job takes a share. Finished arms are read, killed ones
go on.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from rtt.run.schemas import GROUPS
from rtt.run.studying.arms import Arm, arms_of
from rtt.run.studying.plan import StudyConfig
from rtt.run.studying.results import read_results
from rtt.run.studying.training import Place, relevance_of, run_arm
from rtt.run.studying.writing import write_tables
from rtt.verdicts.config import NoVerdicts

__all__ = ["main", "study"]


def study(config: StudyConfig, run: Run) -> dict[str, Any]:
    """Train and measure every arm of the tables asked for, and write the tables."""
    if isinstance(config.verdicts, NoVerdicts):
        raise UserError("verdicts: expected program or hybrid to train with; got none")
    _refuse_processes(config)
    config.model = config.model or str(getattr(config.policy, "path", "") or "tiny")
    arms, left_out = _arms(config)
    folder = Path(config.folder) if config.folder else run.folder / "arms"
    jobs = [(seed, arm) for seed in config.seeds for arm in arms]
    for seed, arm in run.progress(jobs, "arms", total=len(jobs)):
        shared = folder / _slug(config.model) / str(seed)
        result = run_arm(config, arm, seed, Place(shared, arm.name), run)
        if result is not None:
            run.console.print(f"{arm.label}, seed {seed}: {_told(result.columns)}")
    if not run.is_kept:
        return {}
    figures: dict[str, Any] = {
        "model": config.model, "arms": [arm.name for arm in arms], "seeds": list(config.seeds),
        "left_out": left_out, "folder": str(folder),
    }  # fmt: skip
    if config.train_only:
        return figures
    written = write_tables(read_results(folder), run.folder, title=f"Study of {config.model}")
    run.report(written.markdown)
    return {**figures, **written.figures}


def _refuse_processes(config: StudyConfig) -> None:
    """Several processes train one arm together: they must find it, and none waits for measuring."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not (config.folder and config.train_only):
        raise UserError(
            "folder, train_only: expected folder=FOLDER train_only=true with several processes; "
            f"got {config.folder!r}, {config.train_only}; measure afterwards with the same command "
            "without the launcher and train_only"
        )


def _arms(config: StudyConfig) -> tuple[list[Arm], list[str]]:
    """The arms to run, and those of the tables that need a discriminator nobody gave."""
    arms = arms_of(config.tables, config.arms)
    ready = [
        arm for arm in arms
        if arm.judge is None or getattr(config, arm.judge) or arm.name in config.arms
    ]  # fmt: skip
    for arm in ready:
        relevance_of(config, arm)  # refuse now, not after hours of training
    return ready, [arm.name for arm in arms if arm not in ready]


def _slug(model: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "-._" else "_" for sign in model)


def _told(columns: Any) -> str:
    return ", ".join(
        f"{name} {100 * column.value:.1f} %"
        for name, column in columns.items()
        if column.value is not None
    )


main = entrypoint(
    "rtt/study",
    StudyConfig,
    study,
    groups={key: told for key, told in GROUPS.items() if key != "credit"},
    spans_processes=True,
)

if __name__ == "__main__":
    main()
