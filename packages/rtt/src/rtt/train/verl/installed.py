"""The installed verl: imported here and nowhere else, after a look at its version.

verl wants an environment of its own (it pins torch and transformers), with `rtt-llm` beside it. Its
registries and base classes are used; what is relied on is pinned by `tests/verl`, and a version
that those tests were not run against is refused rather than tried.
"""

from __future__ import annotations

from typing import Any

from lmcommon.errors import UserError
from lmcommon.extras import require

__all__ = ["SUPPORTED", "check_version", "verl_module"]

SUPPORTED = ((0, 9), (0, 10))
"""From the first version, up to and without the second."""

_EXTRA = "rtt-llm[verl]"


def check_version(found: str) -> None:
    """Refuse a version of verl that is not supported.

    Raises:
        UserError: Names the range and what to install.
    """
    first, last = (".".join(map(str, bound)) for bound in SUPPORTED)
    parts = found.split(".")
    is_known = len(parts) > 1 and all(part.isdigit() for part in parts[:2])
    if not is_known or not SUPPORTED[0] <= (int(parts[0]), int(parts[1])) < SUPPORTED[1]:
        raise UserError(
            f"expected verl >={first},<{last}; got verl {found}; "
            f"pip install 'verl[verl-core]>={first},<{last}' in an environment of its own"
        )


def verl_module(name: str = "verl") -> Any:
    """A module of verl (`verl.trainer.ppo.core_algos`), or of a package that verl brings along.

    Raises:
        MissingExtraError: verl is not installed.
        UserError: Another version is.
    """
    check_version(require("verl", extra=_EXTRA).__version__)
    return require(name, extra=_EXTRA)
