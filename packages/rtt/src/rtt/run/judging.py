"""Who scores a run: the configured verdicts, with the judge's model, open while it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import Any

from rtt.train.scoring import Scorer

__all__ = ["open_scorer"]


@contextmanager
def open_scorer(verdicts: Any, judge_llm: Any) -> Iterator[Scorer]:
    """A scorer with the verdicts of the groups `verdicts` and `llm@judge_llm`.

    The judge's model and the sandbox's processes are closed at the end.

    Args:
        verdicts: An option of `rtt.verdicts.config`; None: program checks.
        judge_llm: Settings of the model that judges; None: there is none.
    """
    if verdicts is None:
        yield Scorer()
        return
    with (
        nullcontext() if judge_llm is None else closing(judge_llm.build()) as model,
        closing(verdicts.build(model)) as source,
    ):
        yield Scorer(verdicts=source)
