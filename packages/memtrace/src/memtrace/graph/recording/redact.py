"""What must not reach the disk: secrets by default, and whatever the caller's hook removes.

Secrets in known formats are masked in parameters, metadata and error messages, always. A `redact`
hook, if one is given, sees every piece of text besides identifiers (ids, kinds, roles, names).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from memtrace.graph.compact import ascii_json

__all__ = ["Redact", "mask_secrets", "redact_value", "to_json"]

Redact = Callable[[str], str]
"""Text in, text that may be written out."""

_MASK = "[secret]"
_SHORTEST = 8
_SHAPES = re.compile(
    r"\b(?:"
    # OpenAI, Anthropic, OpenRouter, DeepSeek, Langfuse; a digit tells a key from sk-learn-contrib
    r"[spr]k-(?=[A-Za-z_\-]*\d)[A-Za-z0-9_\-]{12,}"
    r"|(?:[spr]k_(?:live|test)|whsec)_[A-Za-z0-9]{10,}"  # Stripe
    r"|(?:hf|gsk|r8|jina|fw|npm|ntn|tgp_v1|dop_v1|lin_api|sbp|pcsk|wandb_v1)_[A-Za-z0-9_]{16,}"
    r"|(?:xai|pplx|tvly|nvapi|csk|glpat|GOCSPX|pypi)-(?=[A-Za-z_\-]*\d)[A-Za-z0-9_\-]{12,}"
    r"|lsv2_[a-z]{2}_[A-Za-z0-9_]{16,}"  # LangSmith
    r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}"
    r"|AIza[A-Za-z0-9_\-]{20,}|ya29\.[A-Za-z0-9_\-]{16,}|A(?:KIA|SIA)[A-Z0-9]{16}\b"
    r"|xox[abeoprs]-[A-Za-z0-9\-]{8,}|xapp-[A-Za-z0-9\-]{16,}"
    r"|SG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}|dapi[0-9a-f]{32}\b"
    r"|\d{8,10}:AA[A-Za-z0-9_\-]{30,}"  # Telegram
    r"|eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+"  # JSON web tokens
    r")"
)
_TOKEN = re.compile(r"[A-Za-z0-9_\-.:]{13,}")
"""What may hold one of the shapes: looking for this first is fifty times faster in prose."""
_IN_HEADERS = re.compile(
    r"(?i:(?<=bearer )|(?<=basic ))(?=[A-Za-z._~+/\-]*[\d=])[A-Za-z0-9._~+/\-]{8,}=*"
)
_PRIVATE_KEYS = re.compile(
    r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL
)
_IN_URLS = re.compile(r"(?<=://)([^\s/:@]*):[^\s/@]+(?=@)")
_WORDS = (
    r"(?:api[_\-]?key|apikey|secret|password|passwd|authorization|credentials?|access[_\-]?key"
    r"|access[_\-]?token|auth[_\-]?token|refresh[_\-]?token|private[_\-]?key|account[_\-]?key)"
)
_KEYS = re.compile(rf"(?i)^(?:.*[_\-.])?{_WORDS}$")
_KEYED = re.compile(
    # JSON inside a string, its quotes escaped or not; key="..."; api_key=... of a URL or a shell
    rf"(?i)({_WORDS}(?:\\*[\"']\s*[:=]|=)\s*(\\*[\"']))(?!\[secret\]).*?(?=\2)"
    rf"|({_WORDS}=)(?!\[secret\])[^\s&;,\"'\\]{{6,}}"
)
_PLAIN = frozenset({int, float, bool, type(None)})


def mask_secrets(text: str) -> str:
    """Replace every secret of a known shape in `text` by `[secret]`.

    So is what a telling key holds inside the text (`"password": "..."`, `api_key=...`), private
    keys, and passwords in URLs.
    """
    if len(text) < _SHORTEST:
        return text
    text = _TOKEN.sub(_masked_token, text)
    lowered = text.lower()
    if "bearer " in lowered or "basic " in lowered:
        text = _IN_HEADERS.sub(_MASK, text)
    if "://" in text:
        text = _IN_URLS.sub(rf"\1:{_MASK}", text)
    if "-----BEGIN" in text:
        text = _PRIVATE_KEYS.sub(_MASK, text)
    if (  # one by one: a third of the time of a loop
        "key" in lowered or "secret" in lowered or "passw" in lowered or "token" in lowered
        or "credential" in lowered or "authorization" in lowered
    ):  # fmt: skip
        text = _KEYED.sub(lambda found: (found[1] or found[3]) + _MASK, text)
    return text


def _masked_token(found: re.Match[str]) -> str:
    return _SHAPES.sub(_MASK, found[0])


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
        made = next(kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind))
        return made(parts)  # not the type of the value: a named tuple takes its fields one by one
    return value


def to_json(value: Mapping[str, Any], what: str, redact: Redact | None) -> str | None:
    """Parameters or metadata as JSON with secrets masked; None when there is nothing in them.

    Raises:
        TypeError: When something in `value` is not JSON; the message starts with `what`.
    """
    if not value:
        return None
    is_plain = redact is None and _PLAIN.issuperset(map(type, value.values()))
    clean = value if is_plain and type(value) is dict else _masked(value)
    if redact is not None:
        clean = redact_value(clean, redact)
    try:
        return ascii_json(clean)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what}: expected values that JSON can hold; {error}") from None


@lru_cache(maxsize=1024)
def _is_telling(key: str) -> bool:
    """Whether what this key holds is a secret."""
    return _KEYS.match(key) is not None


def _masked(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, str):
        return mask_secrets(value)
    if kind is dict or isinstance(value, Mapping):
        return {
            key: part
            if type(part) in _PLAIN
            else _MASK
            if isinstance(part, str) and isinstance(key, str) and _is_telling(key)
            else _masked(part)
            for key, part in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_masked(part) for part in value]
    return value
