"""Which language a response is in (IFEval's `language` group).

`langdetect` decides, as in IFEval; it draws random numbers, so it gets a factory of its own with a
fixed seed: the same text always has the same language, and no global state is touched.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from lmcommon.extras import require
from lmcommon.verify.fields import TEXT
from lmcommon.verify.types import Finding, checker

__all__ = ["CHECKERS", "detect_language", "is_language"]


@cache
def _factory() -> Any:
    detector_factory = require("langdetect.detector_factory", extra="lmcommon")
    factory = detector_factory.DetectorFactory()
    factory.load_profile(str(Path(detector_factory.PROFILES_DIRECTORY)))
    factory.set_seed(0)
    return factory


def detect_language(text: str) -> str | None:
    """Code of the language of `text`, such as "en" or "zh-cn"; None if it cannot be told."""
    problems = require("langdetect.lang_detect_exception", extra="lmcommon")
    detector = _factory().create()
    detector.append(text)
    try:
        return str(detector.detect())
    except problems.LangDetectException:
        return None


def is_language(text: str, code: str) -> bool:
    """Whether `text` is in that language, or in none that can be told (as in IFEval)."""
    return detect_language(text) in (code, None)


@checker("language:response_language", "The whole response is in the language {language}.",
         language=TEXT, scope="global")  # fmt: skip
def response_language(response: str, *, language: str) -> Finding:
    """The whole response decides."""
    return Finding(is_language(response, language.strip()))


CHECKERS = (response_language,)
