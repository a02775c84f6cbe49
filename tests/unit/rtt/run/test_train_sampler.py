"""A sampler that an engine would not use is refused, not ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcommon.errors import UserError
from lmcommon.runlog import Run
from rtt.engine.settings import TransformersRolloutsSettings
from rtt.run.train import TrainConfig, train
from rtt.run.trl_engine import TrlEngine
from rtt.run.verl_engine import VerlEngine


@pytest.mark.parametrize("engine", [TrlEngine(), VerlEngine()], ids=["trl", "verl"])
def test_a_sampler_beside_an_engine_with_its_own_is_refused(
    tmp_path: Path, engine: TrlEngine | VerlEngine
) -> None:
    config = TrainConfig(engine=engine, sampler=TransformersRolloutsSettings())
    with pytest.raises(UserError, match=r"whose engine\.rollouts says what samples"):
        train(config, Run(tmp_path))
