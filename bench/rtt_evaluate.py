"""How long the evaluation of stored answers takes, where the time goes, and how exact it is.

    python bench/rtt_evaluate.py DATA_FOLDER [--rounds 3]

In: a folder with `ifeval/` and `ifbench/`: prompts, published answers, and the verdicts that the
sets' own programs gave them. Out: two Markdown tables. The first: seconds of each stage in this
process (reading, strict verdicts, loose ones, figures with their intervals), and of the whole
command `rtt-evaluate` on one process and on two. The second: our verdicts beside the reference's.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

from lmcommon.data.registry import load_prompts
from rtt.engine.given import cut_words, read_given
from rtt.evaluate import BENCHMARKS, Item, items_of, results_of
from rtt.evaluate.loose import loose_of
from rtt.evaluate.verdict_files import compare_verdicts
from rtt.records import records_of
from rtt.train.scoring import Scorer

Reading = Literal["strict", "loose"]
SETS = {"ifeval": "input_data.dev.jsonl", "ifbench": "IFBench_test.dev.jsonl"}


def timed(seconds: dict[str, float], stage: str, work: Callable[[], Any]) -> Any:
    """Do something and add its seconds to a stage."""
    start = time.perf_counter()
    done = work()
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start
    return done


def evaluated(folder: Path, seconds: dict[str, float]) -> dict[str, list[Item]]:
    """The items of both sets, stage by stage."""
    found = {}
    for name, file in SETS.items():
        strict = verdicts(folder, name, "strict")
        prompts = timed(
            seconds, "read prompts", lambda n=name, f=file: load_prompts(n, folder / n / f)
        )
        given = timed(
            seconds, "read answers", lambda s=strict, p=prompts: read_given(s, p, cut_words)
        )
        scored = timed(seconds, "strict verdicts", lambda g=given: Scorer().score(g.groups))
        loose = timed(
            seconds, "loose verdicts",
            lambda s=scored: {
                (0, n, 0): loose_of(one.prompt, one.samples[0]) for n, one in enumerate(s)
            },
        )  # fmt: skip
        items = items_of(records_of(scored), loose)
        timed(
            seconds, "figures and intervals", lambda n=name, i=items: results_of(BENCHMARKS[n], i)
        )
        found[name] = items
    return found


def verdicts(folder: Path, name: str, reading: Reading) -> Path:
    """The file of reference verdicts."""
    return folder / name / f"reference_verdicts_{reading}.dev.jsonl.gz"


def command(folder: Path, processes: int) -> float:
    """Seconds of the whole command, from the start of Python to its last line."""
    words = [f"benchmarks=[{','.join(SETS)}]"]
    for name, file in SETS.items():
        words += [f"{name}.path={folder / name / file}"]
        words += [f"{name}.responses={verdicts(folder, name, 'strict')}"]
        words += [f"{name}.reference={verdicts(folder, name, 'strict')}"]
        words += [f"{name}.reference_loose={verdicts(folder, name, 'loose')}"]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    with tempfile.TemporaryDirectory() as place:
        start = time.perf_counter()
        subprocess.run(
            [
                sys.executable, *(launcher if processes > 1 else []), "-m", "rtt.run.evaluate",
                *words, f"hydra.run.dir={place}/run",
            ],
            check=True, capture_output=True,
        )  # fmt: skip
        return time.perf_counter() - start


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rounds: list[dict[str, float]] = []
    for _ in range(given.rounds):
        seconds: dict[str, float] = {}
        found = evaluated(given.folder, seconds)
        for processes in (1, 2):
            seconds[f"the command, {processes} process(es)"] = command(given.folder, processes)
        rounds.append(seconds)
    print("| stage | median s | every round |")
    print("|---|---:|---|")
    for stage in rounds[0]:
        each = [one[stage] for one in rounds]
        told = ", ".join(f"{one:.2f}" for one in each)
        print(f"| {stage} | {statistics.median(each):.2f} | {told} |")
    print("\n| set | reading | answers | criteria | equal | unexplained | prompt level: ours, "
          "reference | instruction level: ours, reference | differing rows |")  # fmt: skip
    print("|---|---|---:|---:|---:|---:|---|---|---|")
    for name, items in found.items():
        for reading in get_args(Reading):
            got = compare_verdicts(items, verdicts(given.folder, name, reading), reading)
            levels = (got.prompt_accuracy, got.criterion_accuracy)
            told = " | ".join(f"{mine:.4f}, {theirs:.4f}" for mine, theirs in levels)
            rows = "; ".join(
                f"{one.prompt} ({one.doubt or 'unexplained'})" for one in got.differences
            )
            print(
                f"| {name} | {reading} | {got.responses} | {got.criteria} | {got.equal} "
                f"| {len(got.unexplained)} | {told} | {rows} |"
            )


if __name__ == "__main__":
    main()
