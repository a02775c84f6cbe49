"""The installed TRL: imported here and nowhere else, after a look at its version.

TRL moves every month and its hooks are private, so a version that the contract test was not run
against is refused rather than tried.
"""

from __future__ import annotations

from typing import Any

from lmcommon.errors import UserError
from lmcommon.extras import require
from rtt.discriminator.processes import gather_objects, same_everywhere
from rtt.train.trl.vllm import quiet_about_tested_versions

__all__ = [
    "SUPPORTED", "GRPOConfig", "GRPOTrainer", "check_version", "gather_objects", "same_everywhere",
]  # fmt: skip

SUPPORTED = ((1, 15), (1, 17))
"""From the first version, up to and without the second."""

_EXTRA = "rtt-llm[trl]"


def check_version(found: str) -> None:
    """Refuse a version of TRL that is not supported.

    Raises:
        UserError: Names the range and what to install.
    """
    first, last = (".".join(map(str, bound)) for bound in SUPPORTED)
    parts = found.split(".")
    is_known = all(part.isdigit() for part in parts[:2]) and len(parts) > 1
    if not is_known or not SUPPORTED[0] <= (int(parts[0]), int(parts[1])) < SUPPORTED[1]:
        raise UserError(
            f"expected trl >={first},<{last}; got trl {found}; "
            f"pip install '{_EXTRA}' (or pip install 'trl>={first},<{last}')"
        )


_trl = require("trl", extra=_EXTRA)
check_version(_trl.__version__)
with quiet_about_tested_versions():  # where vLLM is installed, TRL imports it here
    GRPOConfig: Any = _trl.GRPOConfig
    """`trl.GRPOConfig`."""
    GRPOTrainer: Any = _trl.GRPOTrainer
    """`trl.GRPOTrainer`."""
