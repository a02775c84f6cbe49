"""Pairs and relevances as JSON, for a server and its clients.

A request is `{"pairs": [[criterion, response, question], ...]}`. A reply is `{"digest": ...,
"relevances": [...]}`, each the float32 numbers (little-endian, one a character) in base64.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from rtt.discriminator.characters import Chars
from rtt.discriminator.encoding import Asked

__all__ = ["VERSION", "read_reply", "read_request", "write_reply", "write_request"]

VERSION = 2
"""Of this format."""


def write_request(pairs: Sequence[Asked]) -> bytes:
    """A request."""
    return json.dumps({"pairs": [list(pair) for pair in pairs]}).encode()


def read_request(body: bytes) -> list[Asked]:
    """What a request asks.

    Raises:
        ValueError: It is no request; says what is wrong.
    """
    told = _object(body)
    pairs = told.get("pairs")
    if not isinstance(pairs, list):
        raise ValueError('expected an object with a list "pairs"')
    for place, pair in enumerate(pairs):
        if not (
            isinstance(pair, list)
            and 2 <= len(pair) <= 3
            and all(isinstance(text, str) for text in pair)
        ):
            raise ValueError(f"pairs[{place}]: expected [criterion, response, question] texts")
    return [Asked(*pair) for pair in pairs]


def write_reply(digest: str, relevances: Sequence[Chars]) -> bytes:
    """A reply."""
    coded = [base64.b64encode(one.astype("<f4").tobytes()).decode() for one in relevances]
    return json.dumps({"digest": digest, "relevances": coded}).encode()


def read_reply(body: bytes, pairs: Sequence[Asked]) -> tuple[str, list[Chars]]:
    """Digest and relevances of a reply to these pairs.

    Raises:
        ValueError: It does not fit them; says what is wrong.
    """
    told = _object(body)
    digest, coded = told.get("digest"), told.get("relevances")
    if not isinstance(digest, str) or not isinstance(coded, list) or len(coded) != len(pairs):
        raise ValueError(f"expected a digest and {len(pairs)} relevances")
    return digest, [_chars(one, len(pair.response)) for one, pair in zip(coded, pairs, strict=True)]


def _chars(coded: Any, length: int) -> Chars:
    try:
        chars = np.frombuffer(base64.b64decode(coded, validate=True), dtype="<f4")
    except (TypeError, ValueError, binascii.Error) as error:
        raise ValueError(f"expected float32 numbers in base64 ({error})") from error
    if len(chars) != length or not ((chars >= 0) & (chars <= 1)).all():
        raise ValueError(f"expected {length} numbers in [0, 1], got {len(chars)} numbers")
    return chars.astype(np.float32)


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected JSON ({error})") from error
    if not isinstance(told, dict):
        raise ValueError("expected a JSON object")
    return told
