"""Scored rollouts on disk: nothing lost, written while a run goes on, by one process or several.

In: scored groups with the advantages their tokens got. Out: `rollouts.jsonl` or `rollouts.parquet`,
or the parts of a run that several processes write; `read_rollouts` reads any of them, and every
figure can be computed again from them.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.records.lines import prompt_of, read_record, record_line, write_rollouts
    from rtt.records.parquet import write_parquet
    from rtt.records.parts import merge_parts, part_file
    from rtt.records.reading import read_rollouts, rollouts_in
    from rtt.records.record import RolloutRecord, records_of

__all__ = [
    "RolloutRecord", "merge_parts", "part_file", "prompt_of", "read_record", "read_rollouts",
    "record_line", "records_of", "rollouts_in", "write_parquet", "write_rollouts",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "RolloutRecord": "rtt.records.record",
        "merge_parts": "rtt.records.parts",
        "part_file": "rtt.records.parts",
        "prompt_of": "rtt.records.lines",
        "read_record": "rtt.records.lines",
        "read_rollouts": "rtt.records.reading",
        "record_line": "rtt.records.lines",
        "records_of": "rtt.records.record",
        "rollouts_in": "rtt.records.reading",
        "write_parquet": "rtt.records.parquet",
        "write_rollouts": "rtt.records.lines",
    },
)
