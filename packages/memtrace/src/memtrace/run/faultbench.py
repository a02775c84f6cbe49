"""`memtrace-faultbench`: build cases with planted faults, and verify each by running it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from lmcommon.llm.config import LLM_SCHEMAS
from memtrace.faultbench.building import Bench
from memtrace.faultbench.planning import Batch, Plan, filled, planned
from memtrace.faultbench.plugins import Plugins, installed
from memtrace.faultbench.recipes import FIRST_SEEDS, HELD_OUT, write_recipes
from memtrace.faultbench.types import Recipe
from memtrace.faultbench.verifying import Verified
from memtrace.run.tables import as_table
from memtrace.run.ticking import ticking
from memtrace.show.markdown import as_markdown

__all__ = ["FaultBenchConfig", "build", "main"]

Filled = tuple[list[dict[str, Any]], str]
Name = Callable[[Mapping[str, Any]], str]

_SLOW = ("everos", "long_context_summary")
"""Pipelines that are built only when they are asked for."""


@dataclass(kw_only=True)
class FaultBenchConfig:
    """What the set is to be made of, and what runs the pipelines."""

    cases: int = 200
    pipelines: list[str] = field(default_factory=list)
    """Memory systems under their settings; empty: those that answer in well under a second."""
    kinds: list[str] = field(default_factory=list)
    """Fault kinds; empty: all of the split."""
    controls: list[str] = field(default_factory=list)
    """Cases that no operation is to blame for; empty: all."""
    sizes: list[str] = field(default_factory=lambda: ["tiny", "small"])
    """Sizes of histories: tiny, small, medium, large."""
    multi: float = 0.25
    """Share of cases with two or three faults."""
    control: float = 0.2
    """Share of controls."""
    per_history: int = 8
    """Cases of one history in one pipeline."""
    split: str = "dev"
    """dev, report or held_out: each has seeds of its own; held_out has kinds of its own."""
    tries: int = 6
    """Draws of a recipe before it is dropped."""
    seed: int = 0
    """Which of the split's seeds: 0 to 99."""
    model: str = "simulated"
    """The simulated model that runs the pipelines."""
    llm: Any = None
    """A real model in its place; null: the simulated one."""
    workers: int = 0
    """Processes; 0: one a CPU."""

    def __post_init__(self) -> None:
        if self.split not in FIRST_SEEDS:
            raise UserError(f"split: expected one of {', '.join(FIRST_SEEDS)}; got {self.split!r}")
        for key in ("multi", "control"):
            if not 0 <= getattr(self, key) <= 1:
                raise UserError(f"{key}: expected a share from 0 to 1; got {getattr(self, key)!r}")
        if self.multi + self.control > 1:
            raise UserError(
                f"multi, control: expected shares of at most 1 together; got {self.multi} and "
                f"{self.control}"
            )
        for key, least in (("cases", 1), ("per_history", 1), ("tries", 1), ("workers", 0)):
            if getattr(self, key) < least:
                raise UserError(f"{key}: expected at least {least}; got {getattr(self, key)!r}")
        if not self.sizes:
            raise UserError("sizes: expected at least one of tiny, small, medium, large; got none")
        if not 0 <= self.seed <= 99:
            raise UserError(f"seed: expected 0 to 99; got {self.seed!r}")

    def plan(self, plugins: Plugins) -> Plan:
        """The plan, every name checked.

        Raises:
            UserError: For a name that nobody knows.
        """
        held_out = self.split == "held_out"
        of_split = [name for name in plugins.kinds if (name in HELD_OUT) == held_out]
        quick = [name for name in plugins.pipelines if name not in _SLOW]
        for name in self.pipelines:
            plugins.pipeline(name)
        for name in self.kinds:
            plugins.kind(name)
            if name in HELD_OUT and not held_out:
                raise UserError(
                    f"kinds: expected kinds of the split {self.split!r}; {name!r} is held out, so "
                    "that nothing is developed on it; give split=held_out"
                )
        for name in self.controls:
            plugins.control(name)
        return Plan(
            cases=self.cases, pipelines=tuple(self.pipelines or quick),
            kinds=tuple(self.kinds or of_split),
            controls=tuple(self.controls or plugins.controls), sizes=tuple(self.sizes),
            multi=self.multi, control=self.control, per_history=self.per_history,
            split=self.split, seed=self.seed, tries=self.tries,  # type: ignore[arg-type]
        )  # fmt: skip


def build(config: FaultBenchConfig, run: Run) -> dict[str, Any]:
    """Plant faults into memory pipelines and keep those that are the reason of a wrong answer."""
    plugins = installed()
    batches = planned(config.plan(plugins))
    _check_model(config, plugins)
    known = {row["batch"]: row for row in run.read("batches")}
    names = [f"{one.pipeline}/{one.size}/{one.seed}" for one in batches]
    open_ = {
        name: one for name, one in zip(names, batches, strict=True)
        if name not in known or known[name]["error"]
    }  # fmt: skip
    with ticking() as tick:
        for done, row in enumerate(_rows(config, open_), 1):
            run.append("batches", row)
            known[row["batch"]] = row
            tick("histories", done, len(open_))
    rows = [one for name in names for one in known[name]["cases"]]
    held = [one for one in rows if one["holds"]]
    write_recipes(run.folder / "recipes.jsonl", (Recipe.from_dict(one["recipe"]) for one in held))
    tables = [
        _table(rows, "pipeline", lambda one: one["recipe"]["pipeline"]),
        _table(rows, "sort", lambda one: one["sort"]),
        _by_kind(rows),
        [{"history": name, "broke down": known[name]["error"]}
         for name in names if known[name]["error"]],
    ]  # fmt: skip
    for table, title in zip(
        tables, ("pipelines", "sorts", "kinds", "broken histories"), strict=True
    ):
        if table:
            run.console.print(as_table(table, title))
    run.report("\n".join(as_markdown(table) for table in tables if table))
    return {
        "cases": len(held), "wanted": len(rows), "dropped": len(rows) - len(held),
        "draws_refused": dict(_reasons(rows).most_common()),
        "runs": sum(one["runs"] for one in rows),
        "broken_histories": sum(bool(known[name]["error"]) for name in names),
        "recipes": str(run.folder / "recipes.jsonl"),
    }  # fmt: skip


def _check_model(config: FaultBenchConfig, plugins: Plugins) -> None:
    """Say what is wrong with the model before the processes start."""
    model = plugins.model(config.model) if config.llm is None else config.llm.build()
    try:
        if config.llm is not None:
            model.check()
    finally:
        model.close()


# Workers --------------------------------------------------------------------------------------

_BENCH: list[Bench] = []
"""Of this worker process."""


def _rows(config: FaultBenchConfig, batches: Mapping[str, Batch]) -> Iterator[dict[str, Any]]:
    """A row a batch, as they are done."""
    workers = min(config.workers or os.cpu_count() or 1, max(1, len(batches)))
    if not batches:
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_open,
        initargs=(config.model, config.llm),
    ) as pool:  # fmt: skip
        jobs: dict[Future[Filled], str] = {
            pool.submit(_filled, batch): name for name, batch in batches.items()
        }
        try:
            for job in as_completed(jobs):
                cases, error = job.result()
                yield {"batch": jobs[job], "cases": cases, "error": error}
        finally:
            pool.shutdown(cancel_futures=True)


def _open(model: str, llm: Any) -> None:
    plugins = installed()
    _BENCH.append(Bench(plugins.model(model) if llm is None else llm.build(), plugins, keep=1))


def _filled(batch: Batch) -> Filled:
    """The rows of a batch, as many as there were before an error, and the error."""
    rows: list[dict[str, Any]] = []
    try:
        for sort, one in zip(batch.sorts, filled(_BENCH[0], batch), strict=True):
            rows.append({"sort": sort, **_row(one)})
    except UserError:
        raise
    except Exception as error:  # the border: one history must not end the others
        return rows, f"{type(error).__name__}: {error}"
    return rows, ""


def _row(done: Verified) -> dict[str, Any]:
    return {
        "recipe": done.recipe.to_dict(), "holds": done.holds,
        "refusals": list(done.refusals), "runs": done.runs,
    }  # fmt: skip


# Tables ---------------------------------------------------------------------------------------


def _table(rows: Sequence[Mapping[str, Any]], title: str, name: Name) -> list[dict[str, str]]:
    """Wanted, built and refused by some name of a case."""
    found = []
    for value in sorted({name(row) for row in rows}):
        mine = [row for row in rows if name(row) == value]
        why = ", ".join(f"{reason} {count}" for reason, count in _reasons(mine).most_common())
        found.append({
            title: value, "wanted": str(len(mine)),
            "built": str(sum(row["holds"] for row in mine)), "draws refused": why or "-",
        })  # fmt: skip
    return found


def _by_kind(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """How often each kind came out, alone and among others, and in which pipelines."""
    held = [row["recipe"] for row in rows if row["holds"]]
    found = []
    for kind in sorted({one for recipe in held for one in recipe["kinds"]}):
        mine = [recipe for recipe in held if kind in recipe["kinds"]]
        pipelines = Counter(recipe["pipeline"] for recipe in mine)
        found.append({
            "kind": kind, "alone": str(sum(len(recipe["kinds"]) == 1 for recipe in mine)),
            "with others": str(sum(len(recipe["kinds"]) > 1 for recipe in mine)),
            "pipelines": ", ".join(f"{name} {count}" for name, count in sorted(pipelines.items())),
        })  # fmt: skip
    return found


def _reasons(rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    return Counter(one.partition(": ")[2] for row in rows for one in row["refusals"])


def _is_refusal(figures: Mapping[str, Any]) -> bool:
    """Whether nothing at all came out."""
    return not figures["cases"]


main = entrypoint(
    "memtrace/faultbench", FaultBenchConfig, build, groups={"llm": LLM_SCHEMAS},
    is_refusal=_is_refusal,
)  # fmt: skip

if __name__ == "__main__":
    main()
