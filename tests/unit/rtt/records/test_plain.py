"""The quick way to plain values says what `dataclasses.asdict` says."""

from __future__ import annotations

from dataclasses import asdict

from hypothesis import HealthCheck, given, settings

from lmcommon.runlog import finite
from rtt.records import RolloutRecord
from rtt.records.lines import plain_record

from .record_support import records


# Records are large to draw: a busy machine is no reason to fail.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records())
def test_nothing_is_left_out_and_nothing_is_in_another_place(record: RolloutRecord) -> None:
    plain, whole = plain_record(record), finite(asdict(record))
    assert plain == whole
    assert [*plain] == [*whole]
    assert [*plain["scored"]["rollout"]] == [*whole["scored"]["rollout"]]
