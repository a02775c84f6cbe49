"""The verb rtt-plan: what a run of rtt-train would do and take, before it is started.

It takes the overrides of rtt-train, builds everything that needs neither weights nor a GPU, and
prints who does what on which GPU, rows and tokens, memory by part, checkpoints, downloads and the
commands. What is known to be wrong is listed last; then the exit code is 2.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from rtt.run.planning.batches import batch_plan, sampling_fields
from rtt.run.planning.commands import launch_commands
from rtt.run.planning.memory import cache_room, training_memory
from rtt.run.planning.problems import downloads, problems_of, versions, warnings_of
from rtt.run.planning.shapes import policy_shape
from rtt.run.planning.text import plan_lines
from rtt.run.schemas import GROUPS
from rtt.run.train import TrainConfig

__all__ = ["PlanConfig", "main", "plan"]


@dataclass(kw_only=True)
class PlanConfig(TrainConfig):
    """Configuration of rtt-plan: that of rtt-train."""


def plan(config: PlanConfig, run: Run) -> dict[str, Any]:
    """Print what a run would do, on which GPUs, with how much memory, and how to start it."""
    installed = versions()
    try:
        batch = batch_plan(config)
    except UserError as error:
        return _refused([str(error)], installed)
    words = tuple(getattr(config.task, "tokens", ()))
    shape = policy_shape(config.policy, words)
    options = sampling_fields(config)
    parts = (
        []
        if shape is None
        else training_memory(shape, batch, config.policy, config.launch, options)
    )
    room = None if shape is None else cache_room(shape, batch, config.launch, options)
    problems = problems_of(config, batch, shape)
    if room is not None and room.responses < 1:
        problems.append(
            f"vLLM: expected room for one response of {batch.sequence_tokens} tokens; got "
            f"{room.tokens} tokens; give it more GPUs or a larger share"
        )
    commands = launch_commands(config, batch, run.overrides)
    warnings = warnings_of(config, shape, parts, installed)
    lines = [
        *plan_lines(config, batch, shape, parts, room),
        "",
        f"downloads {', '.join(downloads(config)) or 'none'}",
        f"versions  {_versions(installed)}",
        "",
        *(line for what, command in commands for line in (f"{what}:", f"  {command}")),
        *(f"look at:  {warning}" for warning in warnings),
    ]
    for line in lines:
        print(line)
    return {
        **_refused(problems, installed),
        "warnings": warnings,
        "rows": batch.rows,
        "steps": batch.steps,
        "processes": batch.processes,
        "parameters": shape.parameters if shape else None,
        "trainable": shape.trainable if shape else None,
        "gpu_bytes": round(sum(part.size for part in parts if part.is_counted)) if parts else None,
        "commands": dict(commands),
    }


def _refused(problems: list[str], installed: dict[str, str | None]) -> dict[str, Any]:
    """Tell what is wrong; what of it goes into the last line."""
    sys.stdout.flush()
    for problem in problems:
        print(f"wrong:    {problem}", file=sys.stderr)
    return {"problems": problems, "versions": installed}


def _versions(installed: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {found or 'not installed'}" for name, found in installed.items())


main = entrypoint(
    "rtt/plan", PlanConfig, plan, groups=GROUPS, keeps_run=False,
    is_refusal=lambda figures: bool(figures["problems"]),
)  # fmt: skip

if __name__ == "__main__":
    main()
