"""How far `lmcommon.verify` agrees with the reference verdicts of IFEval and IFBench.

    python bench/verifier_agreement.py DATA_FOLDER

In: a folder with `ifeval/` and `ifbench/`, each with its prompts (`*.dev.jsonl`) and the published
answers with the reference checkers' verdicts (`reference_verdicts_{strict,loose}.dev.jsonl.gz`).
Out: a Markdown table, and one of the instructions on which the verdicts differ. Rows are joined by
prompt, because keys differ between versions of the sets.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Literal, get_args

from lmcommon.data.files import read_rows
from lmcommon.data.ifeval import parse_ifbench, parse_ifeval, read_verdicts
from lmcommon.verify import check

Mode = Literal["strict", "loose"]
SETS: dict[str, tuple[str, Any]] = {
    "ifeval": ("input_data.dev.jsonl", parse_ifeval),
    "ifbench": ("IFBench_test.dev.jsonl", parse_ifbench),
}
REASONS = {
    ("ifeval", "1122"): "the reference replaces the letter by a random one",
    ("ifeval", "1129"): "the reference replaces the letter by a random one",
    ("ifeval", "1389"): "language detector without a seed",
    ("ifeval", "1645"): "language detector without a seed",
    ("ifeval", "1879"): "older sentence splitter",
}


def compare(folder: Path, name: str, mode: Mode) -> tuple[int, float, list[tuple[str, ...]]]:
    """Instructions compared, seconds, and the differing ones."""
    file, parse = SETS[name]
    prompts = {item.prompt: item for item in map(parse, read_rows(folder / name / file))}
    number, differing, start = 0, [], time.perf_counter()
    for answer in read_verdicts(folder / name / f"reference_verdicts_{mode}.dev.jsonl.gz"):
        item = prompts[answer.prompt]
        for criterion, wanted in zip(item.rubric.criteria, answer.satisfied, strict=True):
            assert criterion.constraint_id is not None
            verdict = check(
                criterion.constraint_id, criterion.kwargs, prompt=item.prompt,
                response=answer.response, mode=mode,
            )  # fmt: skip
            number += 1
            if verdict.satisfied != wanted:
                reason = REASONS.get((name, item.id), "")
                said = "satisfied" if wanted else "violated"
                differing.append((name, mode, item.id, criterion.constraint_id, said, reason))
    return number, time.perf_counter() - start, differing


def main(folder: Path) -> None:
    """Print the tables."""
    print("| set | mode | instructions | equal | differing | seconds |")
    print("|---|---|---:|---:|---:|---:|")
    rows = []
    for name in SETS:
        for mode in get_args(Mode):
            number, seconds, differing = compare(folder, name, mode)
            equal = number - len(differing)
            print(f"| {name} | {mode} | {number} | {equal} | {len(differing)} | {seconds:.1f} |")
            rows += differing
    print("\n| set | mode | key | constraint | reference says | reason |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
