from collections import Counter

import pytest

from lmcommon.errors import UserError
from rtt.discriminator import LabelledResponse, TinyDiscriminator
from rtt.run.discriminator_tests import Floors, calibrate, sample


def row(kind: str, number: int) -> LabelledResponse:
    return LabelledResponse(
        criterion="Say dune.", response=f"dune {number}", spans=((0, 4),), kind=kind
    )


def test_a_sample_takes_kinds_in_turn_and_keeps_the_order() -> None:
    rows = [row("many", n) for n in range(10)] + [row("few", n) for n in range(2)]
    chosen = sample(rows, 5)
    assert Counter(one.kind for one in chosen) == {"many": 3, "few": 2}
    assert chosen == [one for one in rows if one in chosen]
    assert sample(rows, 99) == rows


@pytest.mark.parametrize(
    ("name", "option"), [("embedding", "embed=bundled"), ("contrast", "policy")]
)
def test_a_floor_says_what_it_needs(name: str, option: str) -> None:
    with pytest.raises(UserError, match=option):
        Floors(names=(name,), rows=1, contrast_rows=1)


def test_fitting_a_temperature_twice_is_fitting_it_once() -> None:
    rows = [row("k", n) for n in range(8)]
    model = TinyDiscriminator(hidden=32).build(
        [f"{one.criterion} {one.response}" for one in rows], seed=1
    )
    first = calibrate(model, rows).temperature
    model.tell(temperature=first)
    assert calibrate(model, rows).temperature == pytest.approx(first, rel=1e-2)
