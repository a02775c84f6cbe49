"""Program-checked constraints put into words, from their id and arguments.

IFEval and IFBench give ids and arguments only; a judge, a discriminator or a reader needs a
sentence. `constraint_text` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from types import MappingProxyType
from typing import Any

__all__ = ["constraint_text", "has_wording"]

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

_IFBENCH: Mapping[str, str] = MappingProxyType({
    "count:conjunctions": "At least {small_n} different coordinating conjunctions are used.",
    "count:keywords_multiple":
        "The words occur this often: {keyword1} once, {keyword2} twice, {keyword3} three times, "
        "{keyword4} five times, {keyword5} seven times.",
    "count:numbers": "The response contains exactly {N} numbers.",
    "count:person_names": "At least {N} different names of persons are mentioned.",
    "count:pronouns": "The response contains at least {N} pronouns.",
    "count:punctuation":
        "Every standard punctuation mark occurs at least once, the interrobang (?!) included.",
    "count:unique_word_count": "At least {N} different words are used.",
    "count:word_count_range": "The response has between {min_words} and {max_words} words.",
    "count:words_japanese": "Every word whose place is a multiple of {N} is Japanese.",
    "custom:character_reverse": "The answer is written backwards, letter by letter.",
    "custom:csv_city":
        "The output is comma-delimited CSV with the columns ID, Country, City, Year, Count and "
        "the number of rows that the prompt asks for.",
    "custom:csv_quotes":
        "The output is tab-delimited with the columns StudentID, Subject, Grade, Semester, Score, "
        "and every field stands in double quotation marks.",
    "custom:csv_special_character":
        "The output is comma-delimited CSV with the columns ProductID, Category, Brand, Price, "
        "Stock; one field with a special character stands in double quotation marks.",
    "custom:date_format_list": "The output is only dates as YYYY-MM-DD, parted by commas.",
    "custom:european_capitals_sort":
        "The output is only the capitals asked for, parted by commas, from north to south.",
    "custom:multiples": "Only the multiples that the prompt asks for are printed.",
    "custom:reverse_newline":
        "The items are in reverse alphabetical order, each on a line of its own.",
    "custom:sentence_alphabet": "There are 26 sentences that start with A, B, C and so on.",
    "custom:word_reverse": "The answer is written with its words in reverse order.",
    "format:emoji": "Every sentence ends with an emoji.",
    "format:line_indent": "Each line is indented further than the one before, like stairs.",
    "format:list": "The answer is a list whose items are marked with {sep}.",
    "format:newline": "Every word stands on a line of its own.",
    "format:no_bullets_bullets":
        "At least two sentences that end in a period come before at least two bullet points (*).",
    "format:no_whitespace": "The response contains no whitespace.",
    "format:options": "The answer is one of these options: {options}.",
    "format:output_template":
        "The response follows the template with My Answer, My Conclusion and Future Outlook.",
    "format:parentheses":
        "Parentheses, brackets and braces are nested at least five levels deep.",
    "format:quote_unquote":
        "Every phrase in quotation marks is followed by an explanation without them.",
    "format:quotes":
        "Quotations are nested at least three levels deep, double and single marks in turn.",
    "format:sub-bullets": "Every bullet point (*) has at least one sub-bullet (-).",
    "format:thesis": "Every section starts with a thesis statement in HTML italics.",
    "format:title_case": "The whole response is in title case.",
    "ratio:overlap":
        "{percentage} % of the trigrams (give or take 2) are shared with the reference text.",
    "ratio:sentence_balance":
        "Declarative, interrogative and exclamatory sentences are equally many.",
    "ratio:sentence_type": "There are two declarative sentences to every interrogative one.",
    "ratio:sentence_words":
        "There are three sentences of the same number of characters and without shared words.",
    "ratio:stop_words": "At most {percentage} % of the words are stop words.",
    "repeat:repeat_change":
        "The response only repeats the request, with another first word.",
    "repeat:repeat_simple":
        "The response only repeats the sentence that the prompt asks for.",
    "repeat:repeat_span": "The response only copies the words {n_start} to {n_end} of the request.",
    "sentence:alliteration_increment":
        "Every sentence has a longer run of alliterative words than the one before.",
    "sentence:increment": "Every sentence has exactly {small_n} more words than the one before.",
    "sentence:keyword": "Sentence {N} contains the word {word}.",
    "words:alphabet": "The words start with the letters of the alphabet in order, A after Z.",
    "words:consonants": "Every word has two or more consonants in a row.",
    "words:keywords_specific_position": "Word {m} of sentence {n} is {keyword}.",
    "words:last_first": "The last word of a sentence is the first word of the next.",
    "words:no_consecutive": "No two words in a row start with the same letter.",
    "words:odd_even_syllables": "Words of odd and of even syllable counts take turns.",
    "words:palindrome":
        "There are at least ten palindromes of one word, each of five letters or more.",
    "words:paragraph_last_first": "Every paragraph ends with the word that it starts with.",
    "words:prime_lengths": "The length of every word is a prime number.",
    "words:repeats": "No word occurs more than {small_n} times.",
    "words:start_verb": "The first word is a verb.",
    "words:vowel": "At most three different vowels are used.",
    "words:words_position":
        "The second word and the second to last word are both {keyword}.",
})  # fmt: skip

_TEMPLATES = {**_IFEVAL, **_IFBENCH}


def has_wording(constraint_id: str) -> bool:
    """Whether there is a sentence for this id."""
    return constraint_id in _TEMPLATES


def constraint_text(constraint_id: str, kwargs: Mapping[str, Any]) -> str:
    """Put a constraint into a sentence.

    Args:
        constraint_id: Such as `length_constraints:number_words`.
        kwargs: Its arguments, such as `{"relation": "at least", "num_words": 300}`.

    Returns:
        A sentence; for an id without a wording, or with other arguments, id and arguments.
    """
    template = _TEMPLATES.get(constraint_id)
    values = {key: _shown(key, value) for key, value in kwargs.items()}
    fields = {name for _, name, _, _ in Formatter().parse(template or "") if name}
    if template is None or not fields <= values.keys():
        arguments = ", ".join(f"{key}={value!r}" for key, value in kwargs.items())
        return f"The response satisfies {constraint_id}({arguments})."
    text = template.format(**values)
    return text[0].upper() + text[1:]


def _shown(key: str, value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if key == "language":
        return _LANGUAGES.get(str(value), f"the language with the code {value}")
    return str(value)
