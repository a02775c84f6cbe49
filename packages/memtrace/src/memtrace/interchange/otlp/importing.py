"""Importing spans: our own exactly, those of others with guessed data flow.

In: a file of spans in any of the formats of `otlp_read`. Out: a trace file and a report. A file
with both kinds is taken apart; nothing that could be read is dropped.
"""

from __future__ import annotations

import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lmcommon.errors import UserError
from memtrace.graph.progress import progress
from memtrace.graph.storage.store import Store
from memtrace.interchange.otlp.own import OwnSpans
from memtrace.interchange.otlp.read import read_spans
from memtrace.interchange.otlp.rows import Rows
from memtrace.interchange.otlp.spool import Spool
from memtrace.interchange.otlp.types import Span
from memtrace.interchange.otlp.weave import Weaver
from memtrace.interchange.types import ImportReport

__all__ = ["import_otlp"]

_MOST_PROBLEMS = 1_000


def import_otlp(path: str | Path, out: str | Path) -> ImportReport:
    """Make a trace of a file of spans.

    OTLP as JSON, JSON lines or protobuf; spans of Phoenix (its client's JSON, its data frame as
    JSON records, its REST answers); traces of MLflow; observations or traces of Langfuse; each with
    gzip or without. A file that `export_otlp` wrote becomes the same graph: ids, edges, roles,
    versions, values. Spans of others become operations; what they read and made become variables;
    which output became which input is guessed by content within one OTLP trace, and every guess is
    named in `operation.metadata["guessed_inputs"]` and `["guessed_outputs"]`. All attributes that
    are not values are in `operation.metadata["attributes"]`, with secrets masked.

    Args:
        path: The file.
        out: The trace to write; there must be nothing yet.

    Returns:
        How much came in; `problems` names what was odd, entry by entry.

    Raises:
        UserError: If the file cannot be read or holds no span, or `out` is there already.
    """
    source, target = Path(path), Path(out)
    if target.exists():
        raise UserError(f"{target}: something is here already; choose another path or delete it")
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="memtrace-") as folder, Spool(Path(folder)) as spool:
        names = _fill(spool, source, problems)
        if not len(spool):
            said = f"; {problems[0]}" if problems else ""
            raise UserError(f"{source}: expected spans; there are none in it{said}")
        with _new_trace(target) as store:
            rows = Rows(store)
            run = spool.run()
            counts = _own(spool, rows, run, problems) if run is not None else 0
            traces = spool.traces(run)
            weaver = Weaver(spool, rows, problems, counts + 1)
            for trace in progress(traces, "reading traces", len(traces)):
                weaver.add(trace, run)
            if run is None:
                sessions = [{"first": 1, "versions": {}}]
                rows.meta({"run": uuid.uuid4().hex, "sessions": sessions})
            if traces:
                rows.meta({"import": {"source": source.name, "formats": sorted(names)}})
            rows.flush()
        return ImportReport(
            source=source, out=target, format="+".join(sorted(names)) or "otlp",
            operations=rows.operations, variables=rows.variables, edges=rows.edges,
            counts={"spans": len(spool), "traces": len(traces), "guessed": weaver.guesses,
                    "problems": len(problems)},
            problems=_shortened(problems),
        )  # fmt: skip


def _fill(spool: Spool, source: Path, problems: list[str]) -> Counter[str]:
    """Read the file into the spool; the formats that were in it."""
    names: Counter[str] = Counter()
    for name, found in progress(read_spans(source), "reading spans"):
        problem = found
        if isinstance(found, Span):
            names[name] += 1
            problem = spool.add(found) or ""
        if problem:
            problems.append(str(problem))
    return names


def _own(spool: Spool, rows: Rows, run: str, problems: list[str]) -> int:
    """Rebuild the run; returns its highest number."""
    own = OwnSpans(rows, spool.numbers(run), problems)
    own.add(spool.own(run))
    facts = {"run": run, "sessions": [{"first": 1, "versions": {}}], **own.meta}
    rows.meta({key: value for key, value in facts.items() if key != "schema"})
    return own.last


@contextmanager
def _new_trace(path: Path) -> Iterator[Store]:
    """A new trace file that is removed again if the import fails."""
    try:
        store = Store(path, resume=False)
    except OSError as error:
        raise UserError(f"{path}: the trace cannot be written: {error}") from error
    try:
        yield store
    except BaseException:
        store.close()
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            path.with_name(name).unlink(missing_ok=True)
        raise
    store.close()


def _shortened(problems: list[str]) -> tuple[str, ...]:
    if len(problems) <= _MOST_PROBLEMS:
        return tuple(problems)
    more = len(problems) - _MOST_PROBLEMS
    return (*problems[:_MOST_PROBLEMS], f"and {more} more of the kind")
