"""What every process of the tests of the local engine runs: a few steps, and what came of them.

torchrun --nproc-per-node 2 ranks.py OUT KIND STEPS [SAVE_AS] [LOAD_FROM]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from lmcommon.app import leave
from rtt.policy import TinyPolicy
from rtt.tasks import WordsTask
from rtt.train import Credit, LocalEngine, LocalTrainer, TrainSettings, UpdateSettings

SETTINGS = TrainSettings(
    steps=10, prompts=6, samples=4, heldout=5, eval_every=1,
    update=UpdateSettings(token_budget=64, learning_rate=1e-3),
)  # fmt: skip


def main(
    out: Path, kind: str, steps: int, save: Path | None = None, load: Path | None = None
) -> None:
    torch.set_num_threads(1)
    task = WordsTask()
    with LocalEngine(parallel=kind).processes() as parallel:
        # Other weights on each process: the first one's must be handed on.
        policy = TinyPolicy(hidden=32).build(task.tokens, seed=parallel.rank)
        trainer = LocalTrainer(
            policy=policy, task=task, credit=Credit(), settings=SETTINGS, seed=5, parallel=parallel
        )
        if load is not None:
            trainer.load(load)
        rows = []
        for _ in range(steps):
            row: dict[str, Any] = trainer.take_step()
            assert trainer.latest is not None
            scored, advantage_BT = trainer.latest
            row["tokens"] = [s.rollout.tokens for group in scored for s in group.samples]
            row["advantage"] = advantage_BT.tolist()
            row["heldout"] = trainer.evaluate().per_prompt
            rows.append(row)
        if save is not None:
            trainer.save(save)
        name = out / f"rows-{parallel.rank}.json"
        name.write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *(Path(word) for word in sys.argv[4:]))
    leave(0)  # as our verbs do: see there
