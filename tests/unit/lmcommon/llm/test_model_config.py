"""Model configuration: what is built, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcommon.errors import UserError
from lmcommon.llm import Budget, CachedModel, Meter, MeteredModel, OpenAIChat, chat
from lmcommon.llm.config import (
    LLM_SCHEMAS,
    BudgetConfig,
    CacheConfig,
    OpenAIConfig,
    ScriptedConfig,
)


def test_the_scripted_option_answers() -> None:
    model = ScriptedConfig(replies={"": "Oslo"}).build()
    assert model.generate([chat("Where?")])[0].text == "Oslo"


def test_every_model_is_metered() -> None:
    meter = Meter(Budget(calls=1))
    first = ScriptedConfig().build(meter)
    second = ScriptedConfig(name="judge").build(meter)
    assert isinstance(first, MeteredModel)
    assert first.generate([chat("a")])[0].ok
    assert not second.generate([chat("a")])[0].ok


def test_the_cache_stands_before_the_meter(tmp_path: Path) -> None:
    config = ScriptedConfig(
        cache=CacheConfig(path=str(tmp_path / "c.sqlite")), budget=BudgetConfig(calls=1)
    )
    model = config.build()
    assert isinstance(model, CachedModel)
    assert [model.generate([chat("a")])[0].ok for _ in range(3)] == [True] * 3
    assert model.meter is not None
    assert model.meter.spent.calls == 1
    model.close()


def test_the_openai_option_meters_itself() -> None:
    meter = Meter()
    model = OpenAIConfig(model="m", base_url="http://127.0.0.1:9/v1").build(meter)
    assert isinstance(model, OpenAIChat)
    assert model.meter is meter


def test_a_shared_meter_and_an_own_budget_clash() -> None:
    with pytest.raises(UserError, match="shared meter"):
        ScriptedConfig(budget=BudgetConfig(calls=1)).build(Meter())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CacheConfig(mode="on"), r"cache\.mode: expected one of record.*'on'"),
        (lambda: BudgetConfig(usd=-1), r"budget\.usd.*-1"),
        (lambda: OpenAIConfig(model="m", scoring="yes"), r"scoring: expected one of none.*'yes'"),
        (lambda: OpenAIConfig(model="m", concurrency=0), r"concurrency.*above 0.*0"),
        (
            lambda: OpenAIConfig(model="m", budget=BudgetConfig(usd=1)),
            r"usd_per_million_input.*without prices",
        ),
        (
            lambda: OpenAIConfig(model="m").build(Meter(Budget(usd=1))),
            r"usd_per_million_input.*without prices",
        ),
        (lambda: OpenAIConfig(model="m", usd_per_million_input=-1), r"usd_per_million_input.*-1"),
        (lambda: OpenAIConfig(model="m", timeout_s=float("nan")), r"timeout_s.*nan"),
        (lambda: BudgetConfig(usd=float("nan")), r"budget\.usd.*nan"),
    ],
)
def test_bad_values_name_the_key(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(UserError, match=words):
        make()


def test_every_schema_is_a_model_config() -> None:
    assert {"openai", "scripted"} <= set(LLM_SCHEMAS)
    assert all(hasattr(schema, "build") for schema in LLM_SCHEMAS.values())
