"""Tests against the real verl, in an environment of its own; elsewhere they skip."""

from __future__ import annotations

import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package

# Importing verl warns of engines that are not installed and of a moved part of Ray: its own affair.
# So it is imported once here, before a warning is an error.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    if find_spec("verl") is not None:
        import verl.trainer.main_ppo  # noqa: F401

        import rtt.train.verl.plugin  # noqa: F401
