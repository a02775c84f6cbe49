"""The verb `describe` on a run folder that a kill has left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcommon.data.config import GeneratedConfig
from lmcommon.run.describe import DescribeConfig, describe, main
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


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("{torn", "is damaged"),
        ("{}", "is damaged"),
        ("[]", "is damaged"),
        ('{"overrides": [], "verb": "rtt-train"}', "expected a run of lmcommon-describe"),
    ],
)
def test_a_folder_that_cannot_be_resumed_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], manifest: str, words: str
) -> None:
    (tmp_path / "manifest.json").write_text(manifest, encoding="utf-8")
    assert main.run([f"resume={tmp_path}"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1
