"""The verb rtt-score: recorded rollouts are judged and weighed, later, again, or by another judge.

In: the rollouts of any run (sampled, trained on, given), often unjudged ones of `verdicts=none`.
Out: a new run folder with the same responses, their verdicts, relevances and, if wanted,
advantages. What it reads is never changed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from rtt.records import RolloutRecord, read_rollouts, rollouts_in
from rtt.records.parts import FORMATS, check_format, files_in
from rtt.records.record import Place
from rtt.records.store import RecordStore
from rtt.relevance.policy_scores import PolicyScores
from rtt.run.identity import check_inputs, inputs_of
from rtt.run.joining import joined
from rtt.run.judging import open_scorer, spent_in, verdict_line
from rtt.run.schemas import GROUPS
from rtt.run.sharing import Batch, SharedRun
from rtt.show.tally import tally, tally_lines
from rtt.train.advantage import Credit
from rtt.train.ranks import failed_verdicts
from rtt.train.rescoring import score_anew, score_missing
from rtt.train.scoring import Scorer, score_tensors
from rtt.types import ScoredGroup

__all__ = ["ScoreConfig", "main", "score"]

_ONLY = ("all", "unscored")


@dataclass(kw_only=True)
class ScoreConfig:
    """Configuration of rtt-score."""

    rollouts: str = "???"
    """A run folder, or a file of rollouts (JSON lines, Parquet)."""
    seed: int = 0
    verdicts: Any = None
    judge_llm: Any = None
    """What judges where verdicts=hybrid finds no program: llm@judge_llm=openai and its keys."""
    relevance: Any = None
    policy: Any = None
    """For relevance=policy_contrast: the policy whose likelihoods count."""
    credit: Any = None
    """Advantages of the tokens, prompt by prompt; null: none are written."""
    only: str = "all"
    """all: every criterion anew; unscored: those without a verdict, the others stay as they are."""
    batch: int = 16
    """Prompts at once: what a kill loses at most, in each process."""
    format: str = "jsonl"
    """Of the file at the end: jsonl or parquet (needs rtt-llm[parquet])."""
    threads: int = 1

    def __post_init__(self) -> None:
        for key, options in (("only", _ONLY), ("format", FORMATS)):
            if (value := getattr(self, key)) not in options:
                raise UserError(f"{key}: expected one of {', '.join(options)}; got {value!r}")
        for key in ("batch", "threads"):
            if getattr(self, key) < 1:
                raise UserError(f"{key}: expected at least 1; got {getattr(self, key)!r}")


def score(config: ScoreConfig, run: Run) -> dict[str, Any]:
    """Judge and weigh recorded rollouts, and write them as a new run."""
    torch.set_num_threads(config.threads)
    check_format(config.format)
    _check_credit(config.credit)
    source = rollouts_in(config.rollouts)
    files = files_in(source) if source.is_dir() else [source]
    named = {f"rollouts ({one.name})": one for one in files}
    with joined() as ranks, RecordStore(source) as store:
        check_inputs(run, {**inputs_of(config.relevance), **named})  # joined: a refusal ends all
        shared = SharedRun(run, ranks, form=config.format)
        _check_new(source, shared.folder)
        mine = shared.begin(_batches(store.places, config.batch))
        if mine:
            with _scorer(config, shared) as scorer:
                for batch in run.progress(mine, "scored", total=len(mine)):
                    _take(shared, batch, config, scorer, store)
        file = shared.end()
        return _conclude(config, run, shared, file) if shared.is_main else {}


def _check_credit(credit: Any) -> None:
    """Refuse what needs the training batch."""
    if isinstance(credit, Credit) and credit.scheme == "gdpo" and credit.batch_normalise:
        raise UserError(
            "credit: expected one that compares the samples of a prompt; got gdpo over the "
            "training batch, which a file of rollouts does not have; give "
            "credit.batch_normalise=false"
        )


def _check_new(source: Path, folder: Path) -> None:
    """Refuse to write over what is read."""
    home = source if source.is_dir() else source.parent
    if home.resolve() == folder.resolve():
        raise UserError(
            f"expected a run folder of its own; got {str(folder)!r}, which holds the rollouts that "
            "are scored; give another hydra.run.dir"
        )


def _batches(places: Sequence[Place], size: int) -> list[Batch[list[Place]]]:
    """Whole groups, `size` at once."""
    pools = [list(pool) for _, pool in groupby(places, key=lambda place: place[:2])]
    return [
        Batch(
            number=number, first=first, items=(part := pools[first : first + size]),
            places=tuple(place for pool in part for place in pool),
        )
        for number, first in enumerate(range(0, len(pools), size))
    ]  # fmt: skip


@contextmanager
def _scorer(config: ScoreConfig, shared: SharedRun) -> Iterator[Scorer]:
    scores = None
    if config.policy is not None:
        scores = PolicyScores(policy=config.policy.build((), seed=config.seed))
    relevance = config.relevance.build(scores)
    with open_scorer(
        config.verdicts, config.judge_llm, shared.folder, processes=shared.world
    ) as scorer:
        yield replace(scorer, relevance=relevance)


def _take(
    shared: SharedRun, batch: Batch[list[Place]], config: ScoreConfig, scorer: Scorer,
    store: RecordStore,
) -> None:  # fmt: skip
    """Score one batch."""
    begun = time.perf_counter()
    pools = [store.read(pool) for pool in batch.items]
    before = [_group(pool) for pool in pools]
    is_all = config.only == "all"
    scored = (score_anew if is_all else score_missing)(before, scorer)
    records = [
        record
        for pool, group in zip(pools, scored, strict=True)
        for record in _records(pool, group, config.credit)
    ]
    asked = sum(len(one.verdicts) for group in before for one in group.samples)
    row = {
        "tokens": sum(len(one.scored.rollout.tokens) for one in records),
        "score_s": time.perf_counter() - begun,
        "asked_criteria": asked if is_all else failed_verdicts(before),
        "unscored_criteria": failed_verdicts(scored),
    }
    shared.add(batch, records, row)


def _group(pool: Sequence[RolloutRecord]) -> ScoredGroup:
    first = pool[0]
    if any(one.prompt != first.prompt for one in pool):
        raise UserError(
            f"step {first.step}, group {first.group}: expected responses to one prompt; got "
            "several; rtt-validate lists what is wrong with a file"
        )
    return ScoredGroup(prompt=first.prompt, samples=tuple(one.scored for one in pool))


def _records(
    pool: Sequence[RolloutRecord], group: ScoredGroup, credit: Credit | None
) -> list[RolloutRecord]:
    """The records with their new scores; advantages of old ones would not belong to them."""
    rows: list[list[float]] = [[] for _ in pool]
    if credit is not None:
        taken = max(pool[0].step - 1, 0)
        advantage_BT, _ = credit.advantages(score_tensors([group]), len(pool), step=taken)
        rows = advantage_BT.tolist()
    return [
        replace(
            record, scored=scored, label="" if credit is None else credit.label,
            advantage=tuple(row[: len(scored.rollout.tokens)]),
        )
        for record, scored, row in zip(pool, group.samples, rows, strict=True)
    ]  # fmt: skip


def _conclude(config: ScoreConfig, run: Run, shared: SharedRun, file: Path) -> dict[str, Any]:
    counted = tally(read_rollouts(file))
    rows = shared.rows()
    figures = {
        **counted.figures(),
        "mode": config.verdicts.mode,
        "processes": shared.world,
        "asked_criteria": sum(row["asked_criteria"] for row in rows),
        "score_s": round(sum(row["score_s"] for row in rows), 2),
        **spent_in(shared.folder),
        "scored": config.rollouts,
        "rollouts": str(file),
    }
    asked, left = figures["asked_criteria"], figures["unscored_criteria"]
    lines = [
        f"# {counted.responses} recorded responses to {len(counted.complete)} prompts, scored",
        "",
        f"{config.rollouts}: {verdict_line(config.verdicts)}",
        f"criteria asked about: {asked}; without a verdict now: {left}",
        *tally_lines(counted),
    ]
    run.report("\n".join(lines) + "\n")
    run.console.print("\n".join(lines[2:]), markup=False, highlight=False, soft_wrap=True)
    if left:
        again = f"rtt-score {run.folder} only=unscored ..."
        run.console.print(f"once the judge is mended: {again}", markup=False, soft_wrap=True)
    run.console.print(f"look: rtt-show {run.folder}", markup=False, soft_wrap=True)
    return figures


main = entrypoint(
    "rtt/score", ScoreConfig, score,
    groups={key: GROUPS[key] for key in ("verdicts", "llm", "relevance", "policy", "credit")},
    positional=("rollouts",), spans_processes=True,
)  # fmt: skip

if __name__ == "__main__":
    main()
