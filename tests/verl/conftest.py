"""Tests against the real verl; elsewhere they skip.

Importing verl warns of engines that are not installed and of a moved part of Ray: its own affair.
So it is imported once here, before a warning is an error.
"""

from __future__ import annotations

import importlib.util
import warnings

if importlib.util.find_spec("verl") is not None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import verl.trainer.main_ppo  # noqa: F401
        import verl.trainer.ppo.v1  # noqa: F401
