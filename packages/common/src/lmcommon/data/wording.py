"""Program-checked constraints put into words, from their id and arguments.

IFEval and IFBench give ids and arguments only; a judge, a discriminator or a reader needs a
sentence. `constraint_text` writes it: IFEval's here, all others as `lmcommon.verify` says them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from string import Formatter
from types import MappingProxyType
from typing import Any

from lmcommon.errors import UserError
from lmcommon.verify.checking import describe
from lmcommon.verify.registry import is_known

__all__ = ["bare_text", "constraint_text", "has_wording"]

_LANGUAGES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "de": "German", "en": "English",
    "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "gu": "Gujarati",
    "hi": "Hindi", "it": "Italian", "ja": "Japanese", "kn": "Kannada", "ko": "Korean",
    "mr": "Marathi", "ne": "Nepali", "pa": "Punjabi", "pl": "Polish", "pt": "Portuguese",
    "ru": "Russian", "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip

_IFEVAL: Mapping[str, str] = MappingProxyType({
    "change_case:capital_word_frequency":
        "{capital_relation} {capital_frequency} words are written in capital letters only.",
    "change_case:english_capital": "The response is in English and in capital letters only.",
    "change_case:english_lowercase": "The response is in English and in small letters only.",
    "combination:repeat_prompt":
        "The response first repeats the request word for word, then answers it.",
    "combination:two_responses":
        "There are two different responses, parted by six asterisks (******).",
    "detectable_content:number_placeholders":
        "There are at least {num_placeholders} placeholders in square brackets, like [name].",
    "detectable_content:postscript": "A postscript at the end starts with {postscript_marker}.",
    "detectable_format:constrained_response":
        "The answer is one of: My answer is yes. / My answer is no. / My answer is maybe.",
    "detectable_format:json_format": "The whole response is one JSON value.",
    "detectable_format:multiple_sections":
        "There are at least {num_sections} sections, each headed {section_spliter} and a number.",
    "detectable_format:number_bullet_lists":
        "There are exactly {num_bullets} bullet points in Markdown (* or -).",
    "detectable_format:number_highlighted_sections":
        "At least {num_highlights} passages are highlighted in Markdown, like *this*.",
    "detectable_format:title": "There is a title in double angular brackets, like <<title>>.",
    "keywords:existence": "The response contains every one of the words: {keywords}.",
    "keywords:forbidden_words": "The response contains none of the words: {forbidden_words}.",
    "keywords:frequency": "The word {keyword} occurs {relation} {frequency} times.",
    "keywords:letter_frequency": "The letter {letter} occurs {let_relation} {let_frequency} times.",
    "language:response_language": "The whole response is in {language}.",
    "length_constraints:nth_paragraph_first_word":
        "There are {num_paragraphs} paragraphs parted by two line breaks, and paragraph "
        "{nth_paragraph} starts with the word {first_word}.",
    "length_constraints:number_paragraphs":
        "There are exactly {num_paragraphs} paragraphs, parted by ***.",
    "length_constraints:number_sentences": "The response has {relation} {num_sentences} sentences.",
    "length_constraints:number_words": "The response has {relation} {num_words} words.",
    "punctuation:no_comma": "The response contains no comma.",
    "startend:end_checker": "The response ends with exactly this phrase: {end_phrase}",
    "startend:quotation": "The whole response stands in double quotation marks.",
})  # fmt: skip


def has_wording(constraint_id: str) -> bool:
    """Whether there is a sentence for this id."""
    return constraint_id in _IFEVAL or is_known(constraint_id)


def constraint_text(constraint_id: str, kwargs: Mapping[str, Any]) -> str:
    """Put a constraint into a sentence.

    Args:
        constraint_id: Such as `length_constraints:number_words`.
        kwargs: Its arguments, such as `{"relation": "at least", "num_words": 300}`.

    Returns:
        A sentence; for an id without a wording, or with other arguments, id and arguments.
    """
    text = _ifeval_text(constraint_id, kwargs)
    if text is None and is_known(constraint_id):
        with suppress(UserError):
            text = describe(constraint_id, kwargs)
    if text is None:
        return bare_text(constraint_id, kwargs)
    return text[0].upper() + text[1:]


def bare_text(constraint_id: str, kwargs: Mapping[str, Any]) -> str:
    """Id and arguments: what stands for a wording where there is none."""
    arguments = ", ".join(f"{key}={value!r}" for key, value in kwargs.items())
    return f"The response satisfies {constraint_id}({arguments})."


def _ifeval_text(constraint_id: str, kwargs: Mapping[str, Any]) -> str | None:
    template = _IFEVAL.get(constraint_id)
    if template is None:
        return None
    fields = {name for _, name, _, _ in Formatter().parse(template) if name}
    if not fields <= kwargs.keys():
        return None
    return template.format(**{key: _shown(key, value) for key, value in kwargs.items()})


def _shown(key: str, value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if key == "language":
        return _LANGUAGES.get(str(value), f"the language with the code {value}")
    return str(value)
