"""The local engine: torch only, packed, on one process or several; the reference semantics."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.train.local.engine import LocalEngine
    from rtt.train.local.settings import TrainSettings, UpdateSettings
    from rtt.train.local.trainer import LocalTrainer

__all__ = ["LocalEngine", "LocalTrainer", "TrainSettings", "UpdateSettings"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "LocalEngine": "rtt.train.local.engine",
        "LocalTrainer": "rtt.train.local.trainer",
        "TrainSettings": "rtt.train.local.settings",
        "UpdateSettings": "rtt.train.local.settings",
    },
)
