"""The ground floor of memtrace and rtt: models, judges, verifiers, data sets, runs.

Importing `lmcommon` is light; a name loads its module on first use.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

__version__ = "0.1.0"

if TYPE_CHECKING:
    from lmcommon import data, embed, judge, llm, verify
    from lmcommon.errors import (
        BudgetError,
        DataError,
        LmCommonError,
        MissingExtraError,
        ParseError,
        UserError,
    )
    from lmcommon.prompt import Prompt, load_prompt

__all__ = [
    "BudgetError", "DataError", "LmCommonError", "MissingExtraError", "ParseError", "Prompt",
    "UserError", "data", "embed", "judge", "llm", "load_prompt", "verify",
]  # fmt: skip

_ERRORS = (
    "BudgetError",
    "DataError",
    "LmCommonError",
    "MissingExtraError",
    "ParseError",
    "UserError",
)
_ROOMS = ("data", "embed", "judge", "llm", "verify")

__getattr__, __dir__ = lazy_exports(
    __name__,
    dict.fromkeys(_ERRORS, "lmcommon.errors")
    | dict.fromkeys(("Prompt", "load_prompt"), "lmcommon.prompt")
    | {room: f"lmcommon.{room}" for room in _ROOMS},
)
