"""What is installed in the vLLM session fits together, as `check_stack` says."""

from __future__ import annotations

import pytest

from rtt.engine.versions import check_stack, installed_stack

pytestmark = pytest.mark.vllm


def test_the_installed_versions_fit() -> None:
    pytest.importorskip("vllm", reason="needs the real vLLM engine: nox -s vllm")
    found = installed_stack()
    assert {"torch", "transformers"} <= found.keys(), found
    check_stack()
