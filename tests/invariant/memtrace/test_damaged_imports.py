"""Damaged smartcomment files are imported or refused in words; see `smartcomment_fuzz.py`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def harness() -> ModuleType:
    path = Path(__file__).with_name("smartcomment_fuzz.py")
    spec = importlib.util.spec_from_file_location("smartcomment_fuzz", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_damage_is_told(harness: ModuleType, tmp_path: Path) -> None:
    ends = harness.fuzz(60, 1, tmp_path)
    assert sum(ends.values()) == 60
    assert all(ends[end] for end in ("imported", "problems", "refused")), ends


@pytest.mark.slow
def test_much_damage_is_told(harness: ModuleType, tmp_path: Path) -> None:
    ends = harness.fuzz(2_000, 2, tmp_path, limit_s=60)
    assert all(ends[end] for end in ("imported", "problems", "refused")), ends
