"""Models made ready for an optimisation: counted by role, their replies kept in the run folder.

In: models of somebody else's. Out: a `Bench`; what it opened is closed at the end, the models are
left open. The system's model gets no cache here: the evaluator's replays have one (`REPLIES`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.base import ChatModel
from lmcommon.llm.cache import CachedModel
from lmcommon.runlog import Run
from memtrace.run.optimizing.ledger import Ledger
from memtrace.run.optimizing.material import Material, traced_judge
from memtrace.run.optimizing.standing import Limited, Standing
from memtrace.run.optimizing.working import Bench

__all__ = ["bench_of", "kept", "kept_judge"]


@contextmanager
def kept(run: Run, ledger: Ledger, model: ChatModel, role: str) -> Iterator[ChatModel]:
    """A model whose replies are counted, and kept in the run folder for later attempts."""
    folder = run.folder / "loop"
    folder.mkdir(parents=True, exist_ok=True)
    cached = CachedModel(Standing(ledger.counted(model, role)), folder / role)
    try:
        yield cached
    finally:
        cached.close()


@contextmanager
def kept_judge(run: Run, ledger: Ledger, model: ChatModel) -> Iterator[AnswerJudge]:
    """A judge that asks a model, its verdicts kept."""
    with kept(run, ledger, model, "judge") as asked:
        yield traced_judge(asked)


@contextmanager
def bench_of(
    run: Run, ledger: Ledger, material: Material, *, model: ChatModel, reflection: ChatModel,
    judge: AnswerJudge | None = None, attribution: ChatModel | None = None,
) -> Iterator[Bench]:  # fmt: skip
    """Everything an optimisation needs.

    Args:
        run: Where replies are kept.
        ledger: Where calls are counted.
        material: The recording.
        model: The system's.
        reflection: Rewrites prompts.
        judge: None: the recorded one.
        attribution: Asked by stages of attribution that ask a model.
    """
    with ExitStack() as stack:
        rewriter = stack.enter_context(kept(run, ledger, reflection, "reflection"))
        seer = None
        if attribution is not None:
            seer = stack.enter_context(kept(run, ledger, attribution, "attribution"))
        yield Bench(
            material=material, model=ledger.counted(model, "system"), reflection=Limited(rewriter),
            ledger=ledger, judge=judge, attribution=seer,
        )  # fmt: skip
