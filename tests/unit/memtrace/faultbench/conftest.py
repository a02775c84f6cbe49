"""A bench and its clean runs, shared by the tests of a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memtrace.faultbench.building import Bench
from memtrace.faultbench.plugins import Plugins, installed


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    """What comes with memtrace."""
    return installed()


@pytest.fixture(scope="session")
def bench(plugins: Plugins) -> Iterator[Bench]:
    """A bench with the simulated model."""
    made = Bench(plugins.model("simulated"), plugins, keep=12)
    yield made
    made.close()
