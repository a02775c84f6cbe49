"""The verb rtt-table: the tables of a study, from whatever arms are finished below a folder.

In: a folder of rtt-study (or one that holds several, of one model or more). Out: the means over
seeds with intervals, paired differences and the paper's own figures, as Markdown, CSV and JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from rtt.run.studying.results import read_results
from rtt.run.studying.writing import write_tables

__all__ = ["TableConfig", "main", "table"]


@dataclass(kw_only=True)
class TableConfig:
    """Configuration of rtt-table."""

    folder: str = ""
    title: str = "Study"


def table(config: TableConfig, run: Run) -> dict[str, Any]:
    """Collect the results of a study into tables beside the paper's."""
    if not config.folder or not Path(config.folder).is_dir():
        raise UserError(
            f"folder: expected the folder of a study (rtt-study folder=...); got {config.folder!r}"
        )
    written = write_tables(read_results(Path(config.folder)), run.folder, title=config.title)
    run.report(written.markdown)
    run.console.print(written.markdown, markup=False, soft_wrap=True)
    return written.figures


main = entrypoint("rtt/table", TableConfig, table, groups={}, positional=("folder",))

if __name__ == "__main__":
    main()
