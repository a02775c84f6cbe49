"""rtt: which token of a response is to blame for a failed rubric?

`rtt.credit` turns verdicts and token relevances into per-token advantages, `rtt.loss` trains on
them. Importing `rtt` is light; a name loads its module on first use.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

__version__ = "0.1.0"

if TYPE_CHECKING:
    from rtt import (
        credit,
        discriminator,
        engine,
        loss,
        policy,
        records,
        relevance,
        show,
        tasks,
        taxonomy,
        train,
        types,
        verdicts,
    )

__all__ = [
    "credit", "discriminator", "engine", "loss", "policy", "records", "relevance", "show", "tasks",
    "taxonomy", "train", "types", "verdicts",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(__name__, {room: f"rtt.{room}" for room in __all__})
