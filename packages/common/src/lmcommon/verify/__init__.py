"""Constraints that a program can check, with the characters that decide.

`check("punctuation:no_comma", {}, prompt=..., response=...)` gives a `Verdict`.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from lmcommon.verify.checking import check, describe
    from lmcommon.verify.registry import is_known, known_ids, scope_of

__all__ = ["check", "describe", "is_known", "known_ids", "scope_of"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "check": "lmcommon.verify.checking",
        "describe": "lmcommon.verify.checking",
        "is_known": "lmcommon.verify.registry",
        "known_ids": "lmcommon.verify.registry",
        "scope_of": "lmcommon.verify.registry",
    },
)
