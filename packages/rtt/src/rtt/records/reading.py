"""Reading rollouts wherever they lie: a file, a Parquet file, or the folder of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lmcommon.errors import UserError
from rtt.records.lines import read_lines
from rtt.records.parts import FILE, PARQUET, files_in, read_parts
from rtt.records.record import RolloutRecord

__all__ = ["read_rollouts", "rollouts_in"]


def rollouts_in(spec: str | Path) -> Path:
    """What holds the rollouts that a run folder or a path stands for.

    Returns:
        The one file; the folder itself where processes have left parts in it, even a single one:
        a process writes in the order of its work.

    Raises:
        UserError: There is none.
    """
    path = Path(spec)
    if path.is_file():
        return path
    files = files_in(path)
    if files:
        return files[0] if len(files) == 1 and files[0].name in (FILE, PARQUET) else path
    hint = ""
    if (path / "metrics.jsonl").is_file():
        hint = f"; it has metrics: curves=['{spec}'] draws them"
    raise UserError(f"expected a run folder with {FILE}, or such a file; got {str(spec)!r}{hint}")


def read_rollouts(path: str | Path) -> Iterator[RolloutRecord]:
    """Read records from a file of JSON lines, a Parquet file or a run folder.

    A file is read as it stands; the parts of a run are read in the order of step, group and
    sample, each place once, whoever wrote it. A last line that a kill cut short is left out.

    Raises:
        DataError: A line or row is not a record; names file and row.
        UserError: A folder without rollouts.
    """
    place = rollouts_in(path) if Path(path).is_dir() else Path(path)
    if place.is_dir():
        yield from read_parts(files_in(place))
    elif place.suffix == ".parquet":
        from rtt.records.parquet import read_parquet

        yield from read_parquet(place)
    else:
        yield from read_lines(place)
