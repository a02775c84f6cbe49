"""memtrace beside smartcomment and the OpenTelemetry SDK, in one run, as ratios.

    nox -s bench -- side_by_side            1k, 10k and 100k operations, a growing context
    nox -s bench -- side_by_side slow       the same and a million operations (memtrace alone)

Tasks are defined in `peers/workload.py`. Every measurement is a process of its own; rounds are
interleaved, so a slow minute of the machine hits all contestants alike; a ratio is taken within a
round, and its median is given with the smallest and largest of the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

WORKER = Path(__file__).parent / "peers" / "worker.py"
PEERS = ("memtrace", "smartcomment", "opentelemetry")
OURS = PEERS[0]
READ = "read"
SHOWN = {
    "record": {
        "p50_us": "one operation, p50 (us)", "p99_us": "one operation, p99 (us)",
        "record_s": "all recorded (s)", "saved_s": "all in a file (s)",
        "slowdown": "last tenth / first, means", "slowdown_p50": "last tenth / first, medians",
        "file_mb": "file (MB)", "rss_mb": "memory (MB)",
    },
    "growing": {
        "p50_us": "one step, p50 (us)", "saved_s": "all in a file (s)",
        "file_mb": "file (MB)", "rss_mb": "memory (MB)",
    },
    READ: {
        "open_s": "open (s)", "first_slice_s": "first slice (s)", "slice_s": "slice again (s)",
        "index_s": "first search, builds the index (s)", "search_s": "search (s)",
        "export_s": "export JSON (s)", "slice_variables": "variables in the slice",
        "rss_mb": "memory (MB)",
    },
}  # fmt: skip
_NOT_A_RATIO = {"slowdown", "slowdown_p50", "slice_variables"}

Figures = dict[str, float]


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Run one job in a fresh process."""
    command = [sys.executable, str(WORKER), json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=WORKER.parent)
    if done.returncode:
        raise SystemExit(f"{job}: the worker failed\n{done.stderr}")
    found = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def one_round(
    size: int, task: str, peers: tuple[str, ...], seed: int, folder: Path,
    tick: Callable[[], None],
) -> dict[tuple[str, str], Figures]:  # fmt: skip
    """Every contestant once; a recorded trace is read back where the contestant can read."""
    found = {}
    for peer in peers:
        path = folder / f"{peer}-{task}-{size}.trace"
        job = {"peer": peer, "task": task, "size": size, "seed": seed, "path": str(path)}
        made = measure(job)
        found[task, peer] = made
        tick()
        if task == "record" and peer != "opentelemetry":
            found[READ, peer] = measure(
                {**job, "task": READ, "answer": made["answer"], "text": made["text"]}
            )
            tick()
        for left in folder.iterdir():
            left.unlink()
    return found


def tabulate(title: str, task: str, rounds: list[dict[tuple[str, str], Figures]]) -> Table:
    """One table: a line a figure, a column a contestant, peers with their ratio to ours."""
    peers = [peer for peer in PEERS if (task, peer) in rounds[0]]
    table = Table("what", *peers, title=f"{title}: {task}")
    for key, label in SHOWN[task].items():
        if key not in rounds[0][task, OURS]:
            continue
        cells = [f"{statistics.median(r[task, OURS][key] for r in rounds):.4g}"]
        for peer in peers[1:]:
            if key not in rounds[0][task, peer]:
                cells.append("-")
                continue
            theirs = statistics.median(r[task, peer][key] for r in rounds)
            cells.append(f"{theirs:.4g}{_ratio(key, task, peer, rounds)}")
        table.add_row(label, *cells)
    return table


def _ratio(key: str, task: str, peer: str, rounds: list[dict[tuple[str, str], Figures]]) -> str:
    if key in _NOT_A_RATIO:
        return ""
    ratios = sorted(r[task, peer][key] / r[task, OURS][key] for r in rounds)
    return f"  = {statistics.median(ratios):.3g}x [{ratios[0]:.3g}, {ratios[-1]:.3g}]"


def main() -> None:
    """Measure, print tables, write the raw figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scope", nargs="?", default="usual", choices=["quick", "usual", "slow"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--out", type=Path, help="write the raw figures here, as JSON")
    chosen = parser.parse_args()
    tasks = [("1k operations", "record", 1_000, PEERS)]
    if chosen.scope != "quick":
        tasks += [
            ("10k operations", "record", 10_000, PEERS),
            ("100k operations", "record", 100_000, PEERS),
            ("context growing to 500 KB", "growing", 500, PEERS),
        ]
    if chosen.scope == "slow":
        tasks.append(("1M operations", "record", 1_000_000, (OURS,)))
    console, raw = Console(width=150), {}
    with tempfile.TemporaryDirectory() as folder, Progress(console=Console(stderr=True)) as bar:
        for title, task, size, peers in tasks:
            rounds = chosen.rounds if size < 1_000_000 else 1
            jobs = rounds * (len(peers) + (min(2, len(peers)) if task == "record" else 0))
            line = bar.add_task(title, total=jobs)
            found = [
                one_round(size, task, peers, chosen.seed + i, Path(folder),
                          lambda line=line: bar.advance(line))  # type: ignore[misc]
                for i in range(rounds)
            ]  # fmt: skip
            raw[title] = [
                {"/".join(key): value for key, value in figures.items()} for figures in found
            ]
            console.print(tabulate(title, task, found))
            if task == "record":
                console.print(tabulate(title, READ, found))
    if chosen.out:
        chosen.out.write_text(json.dumps(raw, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
