"""Values in the grammar of Hydra's overrides, for the command line of another program."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["override"]

_PLAIN = re.compile(r"[A-Za-z_/][\w./-]*")
_WORDS = {"null", "true", "false", "nan", "inf"}
"""What the grammar reads as something other than text."""


def override(key: str, value: Any) -> str:
    """`key=value`, quoted where it must be.

    Example:
        `override("files", ["one", "a b"])` is `files=[one,"a b"]`.
    """
    return f"{key}={_said(value)}"


def _said(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_said(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(_said, value)) + "]"
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)
