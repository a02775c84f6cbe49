from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtt.discriminator import calibration_error, fit_temperature
from rtt.discriminator.calibration import reliability, tempered


def test_calibration_error_by_hand() -> None:
    # Bins of width 1/2: 0.2, 0.4 (none relevant: off by 0.3), 0.9, 0.7 (one of two: off by 0.3).
    p, y = [0.2, 0.4, 0.9, 0.8], [0, 0, 1, 0]
    assert calibration_error(p, y, bins=2) == pytest.approx(0.5 * 0.3 + 0.5 * 0.35)
    assert calibration_error([], []) is None


def test_one_belongs_to_the_last_bin() -> None:
    bins = reliability([1.0, 0.0], [1, 0])
    assert (len(bins), bins[0].items, bins[-1].items, bins[-1].true) == (15, 1, 1, 1.0)


def test_a_temperature_divides_logits() -> None:
    assert tempered([0.8], 2.0)[0] == pytest.approx(1 / (1 + np.exp(-log(4) / 2)))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_drawn_labels_is_found(temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 4, 40_000)
    labels = (rng.random(40_000) < 1 / (1 + np.exp(-logits / temperature))).astype(int)
    found = fit_temperature(1 / (1 + np.exp(-logits)), labels)
    assert found == pytest.approx(temperature, rel=0.05)


def test_the_temperature_of_nothing_changes_nothing() -> None:
    assert fit_temperature([], []) == 1.0


def test_certainty_in_float32_has_a_finite_temperature() -> None:
    p = np.array([1.0, 0.0, 1.0, 0.0], dtype=np.float32)
    assert 0.05 <= fit_temperature(p, [1, 0, 0, 0]) <= 20


@given(st.lists(st.floats(0.01, 0.99), min_size=1), st.floats(0.1, 10))
def test_a_temperature_keeps_the_order_and_the_side_of_one_half(
    values: list[float], temperature: float
) -> None:
    told = tempered(values, temperature)
    assert ((told >= 0.5) == (np.array(values) >= 0.5)).all() or 0.5 in np.round(told, 9)
    assert (np.diff(told[np.argsort(values)]) >= 0).all()


def test_a_temperature_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        tempered([0.5], 0.0)
