"""The configuration of LangMem needs no LangMem."""

from __future__ import annotations

import pytest

from lmcommon.errors import UserError
from memtrace.memory.config import MEMORY_SCHEMAS
from memtrace.memory.langmem import LangMemConfig


def test_it_can_be_chosen() -> None:
    assert MEMORY_SCHEMAS["langmem"] is LangMemConfig


@pytest.mark.parametrize("key", ["query_limit", "max_extract_tokens", "top_k"])
def test_a_size_too_small_is_refused_by_its_key(key: str) -> None:
    with pytest.raises(UserError, match=f"memory.{key}"):
        LangMemConfig(embed=1, **{key: 0})
