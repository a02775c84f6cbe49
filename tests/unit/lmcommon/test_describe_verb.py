"""The verb `describe` on a run folder that a kill has left behind."""

from __future__ import annotations

from pathlib import Path

from lmcommon.data.config import GeneratedConfig
from lmcommon.run.describe import DescribeConfig, describe
from lmcommon.runlog import Run


def test_a_resumed_run_writes_the_rows_that_are_missing(tmp_path: Path) -> None:
    config = DescribeConfig(data=GeneratedConfig(number=3, size="tiny"))
    first = Run(tmp_path)
    first.start(command=[], overrides=[], verb="lmcommon-describe")
    describe(config, first)
    path = tmp_path / "rows.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    describe(config, Run(tmp_path))
    ids = [row["id"] for row in Run(tmp_path).read("rows")]
    assert sorted(ids) == ["generated-0-0", "generated-0-1", "generated-0-2"]
