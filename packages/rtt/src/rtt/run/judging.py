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

__all__ = ["open_scorer", "spent_in", "verdict_line"]

CACHE = "judge.sqlite"
LEDGER = "judge-calls.jsonl"


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
    with _open(judge_llm, folder, processes) as model, closing(verdicts.build(model)) as source:
        yield Scorer(verdicts=source)


@contextmanager
def _open(
    settings: ModelConfig | None, folder: Path | None, processes: int
) -> Iterator[ChatModel | None]:
    if settings is None:
        yield None
        return
    if folder is None:
        model = settings.build()
    else:
        path = settings.cache.path or str(folder / CACHE)
        meter = KeptMeter(settings.budget.build(), folder / LEDGER, processes=processes)
        kept = replace(settings, cache=replace(settings.cache, path=path), budget=BudgetConfig())
        model = kept.build(meter)
    with closing(model):
        yield model


def spent_in(folder: Path) -> dict[str, Any]:
    """What the judge of a run has cost so far, over all attempts and processes, as figures."""
    spent = read_ledger(folder / LEDGER)
    if not spent.calls:
        return {}
    return {
        "judge_calls": spent.calls,
        "judge_tokens": spent.prompt_tokens + spent.completion_tokens,
        "judge_cost_usd": round(spent.cost_usd, 6),
    }


def verdict_line(verdicts: Any) -> str:
    """How responses were held to their rubrics, for a report."""
    if isinstance(verdicts, NoVerdicts):
        return "not judged: rtt-score judges and weighs what is recorded"
    return f"{verdicts.mode} checks"
