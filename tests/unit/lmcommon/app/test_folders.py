"""The folder of a new run is its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lmcommon.app.folders import own_folder
from lmcommon.errors import UserError


def test_a_folder_that_is_taken_is_numbered(tmp_path: Path) -> None:
    wanted = str(tmp_path / "runs" / "a verb" / "2026-01-01")
    assert [own_folder(wanted) for _ in range(3)] == [wanted, f"{wanted}-2", f"{wanted}-3"]
    assert all(Path(place).is_dir() for place in (wanted, f"{wanted}-2", f"{wanted}-3"))


def test_nobody_shares(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(own_folder, [str(tmp_path / "r")] * 32))
    assert len(set(places)) == 32


@pytest.mark.parametrize("file", ["runs", "runs/verb"])
def test_where_no_folder_can_be_is_told(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    with pytest.raises(UserError, match=r"hydra\.run\.dir: expected a place"):
        own_folder(str(tmp_path / "runs/verb/now"))
