"""What a killed rtt-rollout left behind: whole batches are kept, the rest is made again."""

from __future__ import annotations

from collections.abc import Sequence

from lmcommon.app import Run
from lmcommon.runlog import write_atomic

__all__ = ["keep_whole"]


def keep_whole(run: Run, sizes: Sequence[int], *, name: str = "rollouts") -> int:
    """Keep the whole batches of a file of records; what a kill left of the next one is dropped.

    Args:
        run: Its `<name>.jsonl` holds the records, its metrics one row a batch.
        sizes: Records of each batch.
        name: Of the file.

    Returns:
        Number of batches that are there.
    """
    file = run.folder / f"{name}.jsonl"
    if not file.exists():
        return 0
    lines = file.read_bytes().split(b"\n")[:-1]  # the last is empty, or torn
    done, kept = 0, 0
    while done < len(sizes) and kept + sizes[done] <= len(lines):
        kept, done = kept + sizes[done], done + 1
    write_atomic(file, b"".join(line + b"\n" for line in lines[:kept]).decode("utf-8"))
    rows = [row for row in run.read("metrics") if row["batch"] < done]
    (run.folder / "metrics.jsonl").unlink(missing_ok=True)
    for row in rows:
        run.metrics(row)
    return done
