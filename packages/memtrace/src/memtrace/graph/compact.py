"""Compact JSON text, quicker than `json.dumps`, which makes a new encoder at each call.

In: values that are JSON already, or are to be refused. Out: the text that `json.dumps` gives with
`separators=(",", ":")`. A long string that comes again and again (a system prompt in every
request) is escaped once.
"""

from __future__ import annotations

import json
import json.encoder
from functools import lru_cache
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any

__all__ = ["LONG_FROM", "ascii_json", "ascii_string", "unicode_json"]

LONG_FROM, _LONG_TO = 4_096, 262_144
"""How many characters a string has that is worth remembering."""

ascii_string = encode_basestring_ascii
"""One string as JSON in ASCII."""

_DEFAULT = json.JSONEncoder().default
_MAKE = getattr(json.encoder, "c_make_encoder", None)
"""None where the standard library is without its C part."""


def _maker(string: Any) -> Any:
    """An encoder that does not look for circles: one ends in a `RecursionError`."""
    return _MAKE and _MAKE(None, _DEFAULT, string, None, ":", ",", False, False, True)


@lru_cache(maxsize=8)
def _remembered(text: str) -> str:
    return encode_basestring(text)


def _string(text: str) -> str:
    """A string as JSON, remembered if it is long."""
    if LONG_FROM <= len(text) <= _LONG_TO:
        return _remembered(text)
    return encode_basestring(text)


_ASCII, _UNICODE, _WITH_LONG = (
    _maker(encode_basestring_ascii), _maker(encode_basestring), _maker(_string),
)  # fmt: skip


def ascii_json(value: Any) -> str:
    """The value as JSON in ASCII.

    Raises:
        TypeError, ValueError: As `json.dumps`.
    """
    if _ASCII is not None:
        try:
            return "".join(_ASCII(value, 0))
        except (TypeError, ValueError, RecursionError):
            pass  # said below as ever
    return json.dumps(value, separators=(",", ":"))


def unicode_json(value: Any, *, has_long: bool = False) -> str:
    """The value as JSON, other letters than ASCII as they are.

    Args:
        value: Nothing but what JSON holds, and no circle.
        has_long: Whether there is a string of `LONG_FROM` characters in it.
    """
    encoder = _WITH_LONG if has_long else _UNICODE
    if encoder is None:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "".join(encoder(value, 0))
