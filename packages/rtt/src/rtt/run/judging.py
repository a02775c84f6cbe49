"""Who scores a run: the configured verdicts, with the judge's model, open while it lasts.

What the judge said and what it cost lie in the run's folder (`judge.sqlite`, `judge-calls.jsonl`),
so a run that was killed and goes on pays for no verdict twice, and its budget counts on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmcommon.llm.base import ChatModel
from lmcommon.llm.config import BudgetConfig, ModelConfig
from lmcommon.llm.ledger import KeptMeter, read_ledger
from rtt.train.scoring import Scorer
from rtt.verdicts.config import NoVerdicts

__all__ = ["open_model", "open_scorer", "spent_in", "verdict_line"]


@contextmanager
def open_scorer(
    verdicts: Any, judge_llm: ModelConfig | None, folder: Path | None = None, *, processes: int = 1
) -> Iterator[Scorer]:
    """A scorer with the verdicts of the groups `verdicts` and `llm@judge_llm`.

    The judge's model and the sandbox's processes are closed at the end.

    Args:
        verdicts: An option of `rtt.verdicts.config`; None: program checks.
        judge_llm: Settings of the model that judges; None: there is none.
        folder: Of the run: keeps the judge's replies (unless `judge_llm.cache.path` says where)
            and what they cost; None: nothing is kept.
        processes: How many share the judge's budget.
    """
    if verdicts is None:
        yield Scorer()
        return
    with (
        open_model(judge_llm, folder, processes=processes) as model,
        closing(verdicts.build(model)) as source,
    ):
        yield Scorer(verdicts=source)


@contextmanager
def open_model(
    settings: ModelConfig | None, folder: Path | None, *, role: str = "judge", processes: int = 1
) -> Iterator[ChatModel | None]:
    """A model with a task in a run; closed at the end.

    Args:
        settings: Of the model; None: there is none.
        folder: Of the run: keeps replies and costs; None: nothing is kept.
        role: Names its files, `judge.sqlite` and `judge-calls.jsonl`.
        processes: How many share its budget.
    """
    if settings is None:
        yield None
        return
    if folder is None:
        model = settings.build()
    else:
        path = settings.cache.path or str(folder / f"{role}.sqlite")
        ledger = folder / f"{role}-calls.jsonl"
        meter = KeptMeter(settings.budget.build(), ledger, processes=processes)
        kept = replace(settings, cache=replace(settings.cache, path=path), budget=BudgetConfig())
        model = kept.build(meter)
    with closing(model):
        yield model


def spent_in(folder: Path, role: str = "judge") -> dict[str, Any]:
    """What the judge of a run has cost so far, over all attempts and processes, as figures.

    Args:
        folder: Of the run.
        role: Of another model of the run (see `open_model`).
    """
    spent = read_ledger(folder / f"{role}-calls.jsonl")
    if not spent.calls:
        return {}
    return {
        f"{role}_calls": spent.calls,
        f"{role}_tokens": spent.prompt_tokens + spent.completion_tokens,
        f"{role}_cost_usd": round(spent.cost_usd, 6),
    }


def verdict_line(verdicts: Any) -> str:
    """How responses were held to their rubrics, for a report."""
    if isinstance(verdicts, NoVerdicts):
        return "not judged: rtt-score judges and weighs what is recorded"
    return f"{verdicts.mode} checks"
