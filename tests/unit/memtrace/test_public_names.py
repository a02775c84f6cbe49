"""The package's public names are what their callers expect, whatever was imported before."""

from __future__ import annotations

import importlib

import pytest

import memtrace


@pytest.mark.parametrize("room", ["memtrace.attribution", "memtrace.show", "memtrace.evaluate"])
def test_a_public_function_is_not_shadowed_by_a_module(room: str) -> None:
    importlib.import_module(room)
    assert callable(memtrace.attribute)
    assert callable(memtrace.explain)


@pytest.mark.parametrize("name", memtrace.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(memtrace, name) is not None
