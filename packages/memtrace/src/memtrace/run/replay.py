"""`memtrace-replay`: a recorded run again, with something changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from lmcommon.llm.budget import Budget
from lmcommon.llm.config import LLM_SCHEMAS, BudgetConfig
from memtrace.execution.interventions import Intervention, from_dict
from memtrace.graph.reading.trace import Trace, open
from memtrace.memory.specs import LLM, config_from
from memtrace.replaying.identity import first_mismatch
from memtrace.replaying.outcome import Replay
from memtrace.replaying.replayer import Replayer
from memtrace.replaying.resolving import points
from memtrace.run.ticking import ticking

if TYPE_CHECKING:
    from lmcommon.llm.base import ChatModel

__all__ = ["ReplayConfig", "main", "replay"]

_SHOWN = 200


@dataclass(kw_only=True)
class ReplayConfig:
    """What to replay, what to change, and what it may cost."""

    trace: str
    """The trace file."""
    do: list[Any] = field(default_factory=list)
    """Interventions, such as {kind: replace, at: op-20, role: facts, value: [Ana left.]}. Kinds:
    replace, drop, insert, reorder, resample; swap_prompt, set_parameter for the whole run."""
    file: str | None = None
    """A JSON file with a list of more of them."""
    points: str | None = None
    """Only list where the run can be changed: `all`, a name of operations, or an operation's id."""
    dry_run: bool = False
    """Ask no model; say what it would cost."""
    questions: list[str] | None = None
    """Only these questions (ids); null: all."""
    scopes: list[str] | None = None
    """Only these memories; null: all."""
    llm: Any = None
    """Answers what the recording does not; null: the model that the trace was made with."""
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    """Hard limits on what it may spend."""
    retries_failures: bool = False
    """Ask again where the recording holds a failed call."""
    diff: bool = True
    """Show where the replay and its parent part."""


def replay(config: ReplayConfig, run: Run) -> dict[str, Any]:
    """Run a recorded run again. Model calls that nothing changed are answered from the trace.

    Without interventions it is a check: no call is made, and every variable must come out the
    same.
    """
    with open(config.trace) as trace:
        if config.points is not None:
            return _list(config.points, trace, run)
        interventions = [from_dict(row) for row in _rows(config)]
        with _model(config, trace, needed=bool(interventions)) as model:
            done = _replayed(config, trace, interventions, model, run)
        _show(done, run)
        figures = done.to_dict()
        if not interventions and not config.dry_run:
            figures["identical"] = _is_identical(trace, done, config, run)
        elif config.diff and not config.dry_run:
            _print(run, "", str(done.diff()))
        if done.missing:
            figures["hint"] = "raise budget.*, or choose llm=..."
        return {**figures, "trace": str(done.path)}


def is_refusal(figures: Mapping[str, Any]) -> bool:
    """Whether the replay did not come to what was asked for."""
    return not figures.get("complete", True) or figures.get("identical") is False


def _rows(config: ReplayConfig) -> list[Mapping[str, Any]]:
    rows = list(config.do)
    if config.file is not None:
        try:
            more = json.loads(Path(config.file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"file: expected JSON in {config.file}; got {error}") from error
        rows += more if isinstance(more, list) else [more]
    if wrong := [row for row in rows if not isinstance(row, Mapping)]:
        raise UserError(f"do: expected mappings {{kind: ..., at: ...}}; got {wrong[0]!r}")
    return rows


@contextmanager
def _model(config: ReplayConfig, trace: Trace, *, needed: bool) -> Iterator[ChatModel | None]:
    """The model that was chosen, or the recorded one where one may be needed."""
    chosen = config.llm
    if chosen is None and needed and not config.dry_run:
        recorded = trace.metadata.get(LLM)
        chosen = None if recorded is None else config_from(recorded)
    if chosen is None:
        yield None
        return
    model = chosen.build()
    try:
        model.check()
        yield model
    finally:
        model.close()


def _replayed(
    config: ReplayConfig, trace: Trace, interventions: list[Intervention],
    model: ChatModel | None, run: Run,
) -> Replay:  # fmt: skip
    budget = config.budget.build()
    with Replayer(trace, model=model) as replayer:
        total = sum(
            len(getattr(event, "questions", ()))
            for program in replayer.programs.values()
            for event in program.events
        )
        done = count(1)
        with ticking() as tick:
            return replayer.run(
                interventions, out=run.folder / "trace.db",
                budget=None if budget == Budget() else budget, dry_run=config.dry_run,
                questions=config.questions, scopes=config.scopes,
                retries_failures=config.retries_failures,
                on_episode=lambda _: tick("questions", next(done), total),
            )  # fmt: skip


def _show(done: Replay, run: Run) -> None:
    _print(run, str(done))
    for episode in done.episodes:
        run.append("episodes", episode.to_dict())
    run.append("replays", {
        "interventions": [one.to_dict() for one in done.interventions], **done.to_dict(),
    })  # fmt: skip


def _is_identical(trace: Trace, done: Replay, config: ReplayConfig, run: Run) -> bool | None:
    """Whether a factual replay gave the same variables; None where only a part was replayed."""
    if config.questions is not None:
        return None
    scopes = None if config.scopes is None else frozenset(config.scopes)
    found = first_mismatch(trace, done.trace, scopes=scopes)
    _print(run, "every variable came out the same" if found is None else f"NOT the same: {found}")
    return found is None


def _list(wanted: str, trace: Trace, run: Run) -> dict[str, Any]:
    """Where the run can be changed."""
    is_id = wanted.startswith("op-") and wanted[3:].isdigit()
    found = points(
        trace, name=None if is_id or wanted == "all" else wanted, ids=[wanted] if is_id else None
    )
    shown = list(islice(found, _SHOWN))
    for point in shown:
        line = f"{point.operation:<10} {point.name:<18} {point.role:<10} "
        _print(run, f"{line} {point.place.scope}  {point.place.path}")
    more = sum(1 for _ in found)
    if more:
        _print(run, f"... and {more} more")
    if not shown:
        _print(run, "none: see memtrace-replay TRACE points=all")
    return {"points": len(shown) + more}


def _print(run: Run, *lines: str) -> None:
    for line in lines:
        run.console.print(line, markup=False, highlight=False, soft_wrap=True)


main = entrypoint(
    "memtrace/replay", ReplayConfig, replay, groups={"llm": LLM_SCHEMAS}, positional=("trace",),
    is_refusal=is_refusal,
)  # fmt: skip

if __name__ == "__main__":
    main()
