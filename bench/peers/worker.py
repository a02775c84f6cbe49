"""One measurement in a process of its own: `python worker.py '{"peer": ..., "task": ...}'`.

Prints one JSON object. The process is fresh, so memory and garbage collection are the contestant's.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from contestants import CONTESTANTS
from workload import growing, record, rss_mb, timed

_EXPORTED_UP_TO = 200_000
"""Operations; exporting a million as JSON takes minutes and says nothing new."""


def read_memtrace(path: Path, answer: str, text: str) -> dict[str, float]:
    """Open what `record` left, slice an answer, search (first building the index), export."""
    import memtrace

    open_trace = memtrace.open  # imported before the clock starts, as the peer is

    def first_look() -> Any:
        with open_trace(path) as trace:
            return trace.operation(trace.variable(answer).producer or "")

    _, open_s = timed(first_look)
    with memtrace.open(path) as trace:
        found, slice_s = timed(lambda: trace.graph.upstream(answer))
        _, again_s = timed(lambda: trace.graph.upstream(answer), repeats=20)
        _, index_s = timed(lambda: trace.search(text))
        hits, search_s = timed(lambda: trace.search(text), repeats=20)
        assert hits, "the search must find the text it was given"
        figures = {
            "open_s": open_s, "first_slice_s": slice_s, "slice_s": again_s, "index_s": index_s,
            "search_s": search_s, "slice_variables": len(found.variables), "rss_mb": rss_mb(),
        }  # fmt: skip
        if trace.counts["operations"] > _EXPORTED_UP_TO:
            return figures
        _, export_s = timed(
            lambda: memtrace.export_memtracebench(trace, path.with_suffix(".export.json"))
        )
    return {**figures, "export_s": export_s}


def read_smartcomment(path: Path, answer: str, text: str) -> dict[str, float]:
    """The same with the package's own functions."""
    from smartcomment.runtime.network import ExecNetwork

    def load() -> Any:
        with path.open(encoding="utf-8") as file:
            return ExecNetwork.import_graph(json.load(file))

    network, open_s = timed(load)
    ancestors, slice_s = timed(lambda: network.get_ancestors(answer))
    _, again_s = timed(lambda: network.get_ancestors(answer), repeats=3)
    # It has no search of values: this is the scan that its user would write.
    hits, search_s = timed(
        lambda: [node for node in network.get_all_nodes() if text in node.value], repeats=3
    )
    assert hits, "the scan must find the text it was given"

    memory_mb = rss_mb()

    def export() -> None:
        with path.with_suffix(".export.json").open("w", encoding="utf-8") as out:
            json.dump(network.export_graph(), out, indent=4, ensure_ascii=False)

    _, export_s = timed(export)
    return {
        "open_s": open_s, "first_slice_s": slice_s, "slice_s": again_s, "search_s": search_s,
        "export_s": export_s, "slice_variables": len(ancestors) + 1, "rss_mb": memory_mb,
    }  # fmt: skip


READERS = {"memtrace": read_memtrace, "smartcomment": read_smartcomment}


def main(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job and return its figures."""
    peer, path = job["peer"], Path(job["path"])
    if job["task"] == "read":
        return READERS[peer](path, job["answer"], job["text"])
    task = {"record": record, "growing": growing}[job["task"]]
    return asdict(task(CONTESTANTS[peer](), path, job["size"], job["seed"]))


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
