"""Tracing: a model explores the operations behind an answer and names the one to blame.

The published method (MemTrace, section on graph search), with what it lacks: a region instead of
the whole graph, a hard budget, operations that are looked up before they are believed, several
samples with a vote, a saved transcript, and text of the trace that stays data.
"""

from __future__ import annotations

from lmcommon.embed import Embedder
from lmcommon.llm.base import ChatModel
from lmcommon.llm.tally import Spent
from lmcommon.llm.types import Sampling
from memtrace.attribution.case import Case
from memtrace.attribution.tracing.dialogue import Purse, converse
from memtrace.attribution.tracing.exploration import Exploration
from memtrace.attribution.tracing.region import Region
from memtrace.attribution.tracing.starts import StartPoints
from memtrace.attribution.tracing.types import Ending, TracingSettings
from memtrace.attribution.tracing.verdict import suspect_findings

__all__ = ["TracingStage", "charge", "report"]

_SEVERAL = 0.7
"""Temperature of several samples: equal ones would be one."""


class TracingStage:
    """Suspects whom a model blames after an exploration.

    Args:
        model: Any chat model that writes JSON. It stays the caller's.
        settings: Budget, samples, when to run.
        embedder: For start points by meaning as well as by words.

    Example:
        `examine(trace, asked, ["validity", "survival", TracingStage(model)])`
    """

    name = "tracing"

    def __init__(
        self, model: ChatModel, settings: TracingSettings | None = None, *,
        embedder: Embedder | None = None,
    ) -> None:  # fmt: skip
        self._model = model
        self._settings = settings or TracingSettings()
        self._starts = StartPoints(embedder)

    def examine(self, case: Case) -> None:
        """Look at one case."""
        settings = self._settings
        best = case.ranked[0] if case.ranked else None
        if settings.only_if_unsure and best is not None and best.score >= settings.sure_score:
            case.note(self.name, f"not needed: {best.stage} is sure enough ({best.score})")
            return
        starts = self._starts.find(case, settings.start_points)
        region = Region(case, [start.id for start in starts])
        warmth = 0.0 if settings.samples == 1 else _SEVERAL
        sampling = Sampling(
            max_tokens=settings.reply_tokens,
            temperature=warmth if settings.temperature is None else settings.temperature,
        )
        purse = Purse(settings.max_calls, settings.max_tokens)
        endings: list[Ending] = []
        for draw in range(settings.samples):
            given = purse.share(settings.samples - draw)
            part = purse.share(settings.samples - draw)
            exploration = Exploration(case, region, starts, settings)
            log: list[dict[str, object]] = []
            endings.append(converse(exploration, self._model, part, sampling, draw=draw, log=log))
            purse.take_back(part, given)
            case.transcript += [{"stage": self.name, **row} for row in log]
        report(case, endings, self.name)


def report(case: Case, endings: list[Ending], stage: str) -> None:
    """Enter how samples ended into a case: suspects, log, cost."""
    for number, ending in enumerate(endings):
        charge(case, ending.spent)
        which = "" if len(endings) == 1 else f"sample {number}: "
        if ending.finding is None:
            case.note(stage, f"{which}no finding after {ending.turns} turns: {ending.failure}")
            continue
        finding = ending.finding
        early = "best guess when the budget was spent, " if finding.is_provisional else ""
        where = finding.operation or "no operation"
        case.note(
            stage, f"{which}{early}{where}: {finding.error_type} ({finding.confidence}) after "
            f"{ending.turns} turns: {finding.reason}",
        )  # fmt: skip
    findings = [ending.finding for ending in endings if ending.finding is not None]
    if not findings and not case.suspects:
        case.why_not = f"{stage}: {endings[-1].failure}" if endings else ""
    suspect_findings(case, findings, len(endings), stage)


def charge(case: Case, spent: Spent) -> None:
    """Add what calls came to."""
    case.cost.model_calls += spent.calls
    case.cost.prompt_tokens += spent.prompt_tokens
    case.cost.completion_tokens += spent.completion_tokens
    case.cost.cost_usd += spent.cost_usd
