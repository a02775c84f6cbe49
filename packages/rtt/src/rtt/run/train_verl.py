"""rtt-train with `engine=verl`: what a cluster needs to train, and, if asked, the run itself.

In: task, policy, credit, verdicts and the engine's settings. Out: below `verl/` of the run folder,
which must lie where every node sees it, the prompts as Parquet, `scoring.json`, the overrides of
`verl.trainer.main_ppo`, and two commands that start it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.rng import seed_for
from lmcommon.runlog import Run
from rtt.engine.given import load_tokenizer
from rtt.policy.asking import has_system, takes_system
from rtt.policy.pretrained import PretrainedPolicy
from rtt.policy.tiny import PolicySource
from rtt.relevance.config import RelevanceSettings
from rtt.run.verl_engine import VerlEngine
from rtt.run.verl_overrides import verl_overrides
from rtt.tasks.base import Task
from rtt.train.advantage import Credit
from rtt.train.verl.dataset import write_prompts
from rtt.train.verl.recipe import Recipe

__all__ = ["VerlRun", "train_with_verl"]


class VerlRun(Protocol):
    """What the driver reads of a verb's configuration."""

    seed: int
    task: Task
    policy: PolicySource
    credit: Credit
    engine: VerlEngine
    relevance: RelevanceSettings | None
    """None: the spans that decide the checks."""
    verdicts: Any
    """None: program checks."""
    judge_llm: Any


def train_with_verl(config: VerlRun, run: Run) -> dict[str, Any]:
    """Write everything that verl is started with; start it if `engine.launch` is true.

    Args:
        config: Task, policy, credit, scoring, engine and seed.
        run: Where to write.

    Returns:
        Headline figures: what was written, and how verl ended if it was started.

    Raises:
        UserError: Settings that do not fit each other, or verl ended with an error.
    """
    engine, policy = config.engine, _policy(config.policy)
    folder = (run.folder / "verl").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    recipe = Recipe(
        credit=config.credit,
        verdicts=config.verdicts,
        relevance=config.relevance,
        judge_llm=config.judge_llm,
    )
    overrides = verl_overrides(
        engine, policy=policy, max_tokens=config.task.max_tokens, seed=config.seed, folder=folder
    )
    recipe.write(folder / "scoring.json")
    train, heldout = _prompts(config)
    system = _takes_system(policy, [*train, *heldout])
    write_prompts(folder / "train.parquet", train, system=system)
    if heldout:
        write_prompts(folder / "heldout.parquet", heldout, split="heldout", system=system)
    command = [engine.python, "-m", "verl.trainer.main_ppo", *overrides]
    _write(folder / "overrides.txt", overrides)
    _write(folder / "start.sh", ["#!/bin/sh", f"exec {_shell(command)}"])
    submit = ["ray", "job", "submit", "--address", engine.ray_address, "--", *command]
    _write(folder / "submit.sh", ["#!/bin/sh", f"exec {_shell(submit)}"])
    figures = {
        "method": config.credit.label, "seed": config.seed, "steps": engine.steps,
        "train_prompts": len(train), "heldout_prompts": len(heldout),
        "gpus": engine.nodes * engine.gpus, "started": engine.launch, "folder": str(folder),
    }  # fmt: skip
    run.report(_report(figures, overrides))
    run.console.print(f"start here: sh {folder}/start.sh; on the cluster: sh {folder}/submit.sh")
    if engine.launch:
        _start(command, folder)
    return figures


def _policy(source: PolicySource) -> PretrainedPolicy:
    if not isinstance(source, PretrainedPolicy) or source.path.startswith("bundled:"):
        raise UserError(
            "policy: expected policy=pretrained and policy.path=FOLDER or a hub id with "
            f"engine=verl, whose workers load it themselves; got {source!r}"
        )
    if source.chat is False:
        raise UserError(
            "policy.chat: expected true or null with engine=verl, which formats prompts by the "
            "tokenizer's chat template; got false"
        )
    return source


def _prompts(config: VerlRun) -> tuple[list[RubricPrompt], list[RubricPrompt]]:
    engine = config.engine
    stream = config.task.prompts("train", seed_for(config.seed, "prompts"))
    train = list(islice(stream, engine.prompts * engine.steps))
    return train, list(islice(config.task.prompts("heldout", 0), engine.heldout))


def _takes_system(policy: PretrainedPolicy, prompts: Sequence[RubricPrompt]) -> bool:
    """Whether the template takes the system messages that there are; loads it only for these."""
    if not any(has_system(one.messages) for one in prompts):
        return True
    return takes_system(load_tokenizer(policy.path))


def _start(command: Sequence[str], folder: Path) -> None:
    """Run verl in this machine's Ray cluster (or start one), its output in `verl.log`."""
    log = folder / "verl.log"
    try:
        with log.open("ab") as out:
            done = subprocess.run(
                command, stdout=out, stderr=subprocess.STDOUT, env=dict(os.environ), check=False
            )
    except OSError as error:
        raise UserError(
            f"engine.python: expected the Python of an environment with verl; {command[0]!r} "
            f"cannot be run ({error})"
        ) from error
    if done.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [""]
        raise UserError(
            f"expected verl to end without an error; it ended with {done.returncode}, its last "
            f"line being {lines[-1]!r}; all of it: {log}; the same command goes on from the last "
            "checkpoint"
        )


def _write(path: Path, lines: Sequence[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _shell(command: Sequence[str]) -> str:
    """One argument a line, so that a person can read and change it."""
    return " \\\n    ".join(shlex.quote(part) for part in command)


def _report(figures: dict[str, Any], overrides: Sequence[str]) -> str:
    shown = "\n".join(overrides)
    return (
        f"# {figures['method']} with verl, seed {figures['seed']}\n\n"
        f"{figures['train_prompts']} training prompts for {figures['steps']} rollout batches on "
        f"{figures['gpus']} GPUs, {figures['heldout_prompts']} held out. "
        "`start.sh` runs verl here, `submit.sh` as a Ray job; settings:\n\n"
        f"```\n{shown}\n```\n"
    )
