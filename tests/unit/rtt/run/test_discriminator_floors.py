"""What a discriminator stands beside knows as much as it does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from rtt.discriminator import LabelledResponse, TinyDiscriminator
from rtt.run import discriminator_tests
from rtt.run.discriminator_tests import Floors


def twice(number: int) -> list[LabelledResponse]:
    """'Say "dune" twice.': where it stands once it decides nothing."""
    made = []
    for place in range(number):
        is_met = place % 2 == 0
        response = f"dune {'dune' if is_met else 'iris'} word{place}"
        made.append(
            LabelledResponse(
                criterion='Say "dune" twice.', response=response,
                spans=((0, 4), (5, 9)) if is_met else (), kind="keywords:frequency",
                satisfied=is_met, prompt_id=str(place),
            )
        )  # fmt: skip
    return made


def same(items: Iterable[Any], _: str) -> Iterable[Any]:
    return items


@pytest.mark.parametrize("reads_verdict", [False, True])
def test_a_floor_is_told_the_verdict_where_the_discriminator_is(reads_verdict: bool) -> None:
    model = TinyDiscriminator(hidden=32).build(["dune iris"], seed=0)
    model.tell(reads_verdict=reads_verdict)
    parts = {"train": [], "validation": twice(10), "test": twice(20), "held_out": []}
    floors = Floors(names=("zeros", "keywords"), rows=5, contrast_rows=5)
    told = discriminator_tests.test_parts(
        model, parts, floors, draws=0, seed=0, progress=same  # type: ignore[arg-type]
    )  # fmt: skip
    f1 = {name: one.macro_f1.value for name, one in told["test"].sources.items()}
    assert f1["keywords"] == pytest.approx(0.8)
    assert f1.get("keywords (told the verdict)") == (1.0 if reads_verdict else None)
    assert "zeros (told the verdict)" not in f1, "it has nothing to be silent about"
