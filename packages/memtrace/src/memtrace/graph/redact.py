"""What must not reach the disk: secrets by default, and whatever the caller's hook removes.

Secrets in known formats are masked in parameters, metadata and error messages, always. A `redact`
hook, if one is given, sees every piece of text besides identifiers (ids, kinds, roles, names).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Redact", "mask_secrets", "redact_value", "to_json"]

Redact = Callable[[str], str]
"""Text in, text that may be written out."""

_MASK = "[secret]"
_SHAPES = re.compile(
    r"\b(?:sk|pk|rk)-[A-Za-z0-9_\-]{8,}"  # OpenAI, Anthropic, OpenRouter, Stripe
    r"|\b(?:hf|gsk|xai|r8)_[A-Za-z0-9]{8,}"  # Hugging Face, Groq, xAI, Replicate
    r"|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_[A-Za-z0-9_]{16,}"
    r"|\bAIza[A-Za-z0-9_\-]{20,}|\bAKIA[A-Z0-9]{16}\b|\bxox[abprs]-[A-Za-z0-9\-]{8,}"
    r"|\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+"  # JSON web tokens
    r"|(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9._~+/\-]{8,}=*"
)
_KEYS = re.compile(
    r"(?i)^(?:.*[_\-])?(?:api[_\-]?key|apikey|secret|password|passwd|authorization|credentials?"
    r"|access[_\-]?token|auth[_\-]?token|refresh[_\-]?token|private[_\-]?key)$"
)


def mask_secrets(text: str) -> str:
    """Replace every secret of a known shape in `text` by `[secret]`."""
    return _SHAPES.sub(_MASK, text)


def redact_value(value: Any, redact: Redact) -> Any:
    """Apply `redact` to every string inside a value, keys included. Bytes are read as UTF-8."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes):
        return redact(value.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    if isinstance(value, dict):
        return {redact_value(k, redact): redact_value(v, redact) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        parts = [redact_value(part, redact) for part in value]
        return parts if isinstance(value, list) else type(value)(parts)
    return value


def to_json(value: Mapping[str, Any], what: str, redact: Redact | None) -> str | None:
    """Parameters or metadata as JSON with secrets masked; None when there is nothing in them.

    Raises:
        TypeError: When something in `value` is not JSON; the message starts with `what`.
    """
    if not value:
        return None
    clean = _masked(value)
    if redact is not None:
        clean = redact_value(clean, redact)
    try:
        return json.dumps(clean, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what}: expected values that JSON can hold; {error}") from None


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return mask_secrets(value)
    if isinstance(value, Mapping):
        return {
            key: _MASK
            if isinstance(part, str) and isinstance(key, str) and _KEYS.match(key)
            else _masked(part)
            for key, part in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_masked(part) for part in value]
    return value
