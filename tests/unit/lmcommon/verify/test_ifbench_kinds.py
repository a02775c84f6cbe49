"""What each of IFBench's 58 checks accepts, and the characters it points at."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.verify import check, known_ids

IDS = {
    "count:conjunctions", "count:keywords_multiple", "count:numbers", "count:person_names",
    "count:pronouns", "count:punctuation", "count:unique_word_count", "count:word_count_range",
    "count:words_japanese", "custom:character_reverse", "custom:csv_city", "custom:csv_quotes",
    "custom:csv_special_character", "custom:date_format_list", "custom:european_capitals_sort",
    "custom:mcq_count_length", "custom:multiples", "custom:reverse_newline",
    "custom:sentence_alphabet", "custom:word_reverse", "format:emoji", "format:line_indent",
    "format:list", "format:newline", "format:no_bullets_bullets", "format:no_whitespace",
    "format:options", "format:output_template", "format:parentheses", "format:quote_unquote",
    "format:quotes", "format:sub-bullets", "format:thesis", "format:title_case", "ratio:overlap",
    "ratio:sentence_balance", "ratio:sentence_type", "ratio:sentence_words", "ratio:stop_words",
    "repeat:repeat_change", "repeat:repeat_simple", "repeat:repeat_span",
    "sentence:alliteration_increment", "sentence:increment", "sentence:keyword", "words:alphabet",
    "words:consonants", "words:keywords_specific_position", "words:last_first",
    "words:no_consecutive", "words:odd_even_syllables", "words:palindrome",
    "words:paragraph_last_first", "words:prime_lengths", "words:repeats", "words:start_verb",
    "words:vowel", "words:words_position",
}  # fmt: skip

KEYWORDS = {f"keyword{at}": word for at, word in enumerate(["one", "two", "tri", "five", "six"], 1)}
SEVEN = f"one {'two ' * 2}{'tri ' * 3}{'five ' * 5}{'Six ' * 7}"
PALINDROMES = ["level", "Radar,", "civic", "rotor", "kayak", "madam", "refer", "tenet", "stats",
               "racecar"]  # fmt: skip
CAPITALS = (
    "Reykjavík, Helsinki, Oslo, Tallinn, Stockholm, Riga, Moscow, Copenhagen, Vilnius, Minsk, "
    "Dublin, Berlin, Amsterdam, Warsaw, London, Brussels, Prague, Luxembourg, Paris, Vienna, "
    "Bratislava, Budapest, Vaduz, Chișinău, Bern, Ljubljana, Zagreb"
)
CITIES = "ID,Country,City,Year,Count\n" + "\n".join(f"{n},Italy,Rome,19{n}0,{n}" for n in range(7))
PRODUCTS = "ProductID,Category,Brand,Price,Stock\n" + "\n".join(
    f'{n},Toys,"Big & {n}",5,1' for n in range(14)
)
STUDENTS = "\n".join(
    "\t".join(f'"{field}"' for field in row.split())
    for row in ["StudentID Subject Grade Semester Score", "1 Art A 1 9", "2 Art A 1 9",
                "3 Art B 1 8"]
)  # fmt: skip
AFRICA = "\n".join(["Zimbabwe.", *(a + b for a in "TSRÇB" for b in "zyxwvutsrqp")])
ALPHABET = " ".join(f'"{letter}ll is well.' for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def question(number: int, text: str, options: str = "abcde") -> str:
    """One multiple choice question."""
    return f"Question {number}. {text}\n" + "\n".join(f"{one}) it" for one in options)


QUIZ = "\n\n".join(question(number, "Who" * number) for number in range(1, 5))

CASES: list[tuple[str, dict[str, Any], str, bool, list[str] | None]] = [
    ("count:conjunctions", {"small_n": 2}, "Rain or snow, yet sun.", True, ["or", "yet"]),
    ("count:conjunctions", {"small_n": 2}, "Rain or snow or sand.", False, ["or", "or"]),
    ("count:keywords_multiple", KEYWORDS, SEVEN, True, SEVEN.split()),
    ("count:keywords_multiple", KEYWORDS, "one two alone", False, ["one", "two"]),
    ("count:numbers", {"N": 3}, "1,000 cost 3.14, not 9-5", True, ["1,000", "3.14", "9-5"]),
    ("count:numbers", {"N": 1}, "4 of 5", False, ["4", "5"]),
    ("count:person_names", {"N": 2}, "Mia met Leo in Miami. Mia!", True, ["Mia", "Leo", "Mia"]),
    ("count:person_names", {"N": 2}, "Mia met emma.", False, ["Mia"]),
    ("count:pronouns", {"N": 4}, "She/her: it's MY cat.", True, ["She", "her", "it", "MY"]),
    ("count:pronouns", {"N": 1}, "Thesis item", False, []),
    ("count:punctuation", {}, "a, b; c: d. e! f? g?!", True, [",", ";", ":", ".", "!", "?", "?!"]),
    ("count:punctuation", {}, "a, b; c: d. g?!", False, [",", ";", ":", ".", "?!"]),
    ("count:punctuation", {}, "a, b; c: d. e! f?", False, [",", ";", ":", ".", "!", "?"]),
    ("count:unique_word_count", {"N": 3}, "a A, b c", True, None),
    ("count:unique_word_count", {"N": 3}, "a A, b", False, None),
    ("count:word_count_range", {"min_words": 2, "max_words": 3}, "Don't go", True, None),
    ("count:word_count_range", {"min_words": 1, "max_words": 2}, "Don't go", False, None),
    ("count:words_japanese", {"N": 2}, "the 猫 and 犬, 3 4", True, ["猫", "犬"]),
    ("count:words_japanese", {"N": 2}, "the cat and 犬", False, ["cat"]),
    ("ratio:overlap", {"reference_text": "abcd", "percentage": 50}, "abcx", True, None),
    ("ratio:overlap", {"reference_text": "abcd", "percentage": 53}, "abcx", False, None),
    ("ratio:overlap", {"reference_text": "abcd", "percentage": 0}, "ab", False, None),
    ("ratio:sentence_balance", {}, "I go. You go? Go!", True, [".", "?", "!"]),
    ("ratio:sentence_balance", {}, "I go. You go?", False, [".", "?"]),
    ("ratio:sentence_type", {}, "I go. You go? We go.", True, [".", "?", "."]),
    ("ratio:sentence_type", {}, "I go. You go?", False, [".", "?"]),
    ("ratio:sentence_words", {}, "Big cat. Red hen. Sly fox.", True, None),
    ("ratio:sentence_words", {}, "Big cat. Red cat. Sly fox.", False, ["cat", "cat"]),
    ("ratio:sentence_words", {}, "Big cat. Red hens. Sly fox.", False, None),
    ("ratio:stop_words", {"percentage": 50}, "The cat sleeps and dreams", True, ["The", "and"]),
    ("ratio:stop_words", {"percentage": 30}, "The cat sleeps and dreams", False, ["The", "and"]),
    ("ratio:stop_words", {"percentage": 30}, "?!", False, None),
    ("sentence:alliteration_increment", {}, "Red cat. Big bad dog. Six sly, silly men.", True,
     ["Big", "bad", "Six", "sly", "silly"]),
    ("sentence:alliteration_increment", {}, "Big bad dog. Red cat.", False, ["Big", "bad"]),
    ("sentence:increment", {"small_n": 1}, "Go. Go now. We - go now.", True, None),
    ("sentence:increment", {"small_n": 1}, "Go. Go right now.", False, ["Go right now."]),
    ("sentence:keyword", {"N": 2, "word": "rain"}, "Sun. Rain, no rainbow.", True, ["Rain"]),
    ("sentence:keyword", {"N": 2, "word": "rain"}, "Rain. Rainbow.", False, []),
    ("sentence:keyword", {"N": 3, "word": "rain"}, "Rain. Rain.", False, []),
    ("words:alphabet", {}, "Xenia - yells: zebras (and) bears", True, None),
    ("words:alphabet", {}, "a bee dives", False, ["dives"]),
    ("words:alphabet", {}, "1 bee", False, ["1"]),
    ("words:consonants", {}, "Strong storms crash", True, None),
    ("words:consonants", {}, "Storms are - bad", False, ["are", "-", "bad"]),
    ("words:no_consecutive", {}, "we all went", True, []),
    ("words:no_consecutive", {}, 'We "went" all', False, ["We", "went"]),
    ("words:odd_even_syllables", {}, "The water flows over stones", True, None),
    ("words:odd_even_syllables", {}, "The cat over", False, ["The", "cat"]),
    ("words:palindrome", {}, " ".join(PALINDROMES), True,
     [word.strip(",") for word in PALINDROMES]),
    ("words:palindrome", {}, "level noon", False, ["level"]),
    ("words:prime_lengths", {}, "we, the fives", True, None),
    ("words:prime_lengths", {}, "a dog that's here", False, ["a", "here"]),
    ("words:repeats", {"small_n": 2}, "so so far", True, []),
    ("words:repeats", {"small_n": 1}, "So, far so", False, ["So", "so"]),
    ("words:vowel", {}, "\nIt is a cat not far.\n", True, None),
    ("words:vowel", {}, "a e i o", False, ["a", "e", "i", "o"]),
    ("words:vowel", {}, "a\na", False, ["\n"]),
    ("words:keywords_specific_position", {"keyword": "rain", "n": 2, "m": 3},
     "So it is. Then, the Rain fell.", True, ["Rain"]),
    ("words:keywords_specific_position", {"keyword": "rain", "n": 1, "m": 2}, "Rain fell.", False,
     ["fell"]),
    ("words:keywords_specific_position", {"keyword": "rain", "n": 1, "m": 4}, "Rain fell.", False,
     []),
    ("words:keywords_specific_position", {"keyword": "rain", "n": 2, "m": 1}, "Rain.", False, []),
    ("words:words_position", {"keyword": "rain"}, "The rain, then rain fell.", True,
     ["rain", "rain"]),
    ("words:words_position", {"keyword": "rain"}, "The rain fell, rain.", False, ["rain", "fell"]),
    ("words:words_position", {"keyword": "rain"}, "Hi.", False, []),
    ("words:last_first", {}, "I like rain. Rain falls. Falls it", True,
     ["rain", "Rain", "falls", "Falls"]),
    ("words:last_first", {}, "I like rain. Sun is fine.", False, ["rain", "Sun"]),
    ("words:last_first", {}, "I like rain.", True, None),
    ("words:paragraph_last_first", {}, "Rain is rain.\n\n(Sun) too is sun!", False,
     ["Sun)", "sun"]),
    ("words:paragraph_last_first", {}, "Rain is rain.\n\nSun!", True, ["Rain", "rain", "Sun"]),
    ("words:start_verb", {}, "Write it down.", True, ["Write"]),
    ("words:start_verb", {}, "The rain falls.", False, ["The"]),
    ("format:parentheses", {}, "a (b [c {d (e [f])}])", True, ["(b [c {d (e [f]"]),
    ("format:parentheses", {}, "((((a))))", False, []),
    ("format:parentheses", {}, "((((a] (b)", False, []),
    ("format:quotes", {}, "He: \"I 'said \"no\" to' it\"", True, ["\"I 'said \"no\" to' it\""]),
    ("format:quotes", {}, "\"I 'said' it\"", False, []),
    ("format:quote_unquote", {}, '"Rain" is water, and the \'"\' is a mark.', True, None),
    ("format:quote_unquote", {}, 'So "rain" "sun" it is', False, ['"', '"']),
    ("format:quote_unquote", {}, 'It is "rain".', False, ['"']),
    ("format:no_whitespace", {}, "rain-falls", True, []),
    ("format:no_whitespace", {}, "rain falls\n", False, [" ", "\n"]),
    ("format:title_case", {}, "The Rain Falls On USA And McDonald", True, None),
    ("format:title_case", {}, "The rain Falls a lot", False, ["rain", "a", "lot"]),
    ("format:emoji", {}, "I go 😀. You go 🎉!", True, ["😀", "🎉"]),
    ("format:emoji", {}, "I go. 😀 You go! 🎉", True, ["😀", "🎉"]),
    ("format:emoji", {}, "I go. You go 🎉.", False, ["🎉"]),
    ("format:line_indent", {}, "a\n b\n\n  c", True, None),
    ("format:line_indent", {}, "a\n b\n c", False, [" c"]),
    ("format:line_indent", {}, "a\n\n\n b", False, []),
    ("format:list", {"sep": "!?!?"}, "!?!? a\n!?!? b", True, ["!?!?", "!?!?"]),
    ("format:list", {"sep": "!?!?"}, "!?!? a\n- b", False, ["!?!?"]),
    ("format:newline", {}, "rain\n\n- falls.\nnow", True, None),
    ("format:newline", {}, "rain falls\nnow\n---", False, ["rain falls"]),
    ("format:no_bullets_bullets", {}, "I go. You go.\n* a\n * b", True, ["* a", "* b"]),
    ("format:no_bullets_bullets", {}, "I go.\n* a\n* b", False, ["* a", "* b"]),
    ("format:no_bullets_bullets", {}, "I go. You go.\n* a\nb\n* c", False, ["* a", "* c"]),
    ("format:no_bullets_bullets", {}, "I go. You go.\n* a", False, ["* a"]),
    ("format:sub-bullets", {}, "* a\n - b\n* c\n - d", True, ["*", "*"]),
    ("format:sub-bullets", {}, "* a\n* c\n - d", False, ["*"]),
    ("format:thesis", {}, "Intro\n<i>It rains.</i> So it does.", True, ["<i>It rains.</i>"]),
    ("format:thesis", {}, "<em>It rains.</em> Yes", True, ["<em>It rains.</em>"]),
    ("format:thesis", {}, "<i> </i> It rains", False, ["<i> </i>"]),
    ("format:thesis", {}, "<i>It rains</i>", False, ["<i>It rains</i>"]),
    ("format:thesis", {}, "*It* rains", False, []),
    ("format:thesis", {}, "<i>It rains", False, []),
    ("format:options", {"options": "yes/no/maybe"}, '"Maybe."', True, None),
    ("format:options", {"options": "I know or I don't know"}, "I don't know", True, None),
    ("format:options", {"options": "yes/no/maybe"}, "Yes, surely", False, None),
    ("format:options", {"options": "a), b), c), d)"}, "b)", True, None),
    ("format:options", {"options": "a), b), c), d)"}, "b", False, None),
    ("format:output_template", {}, "My Answer: a\nMy Conclusion: b\nFuture Outlook: c", True,
     ["My Answer:", "My Conclusion:", "Future Outlook:"]),
    ("format:output_template", {}, "My Answer: a\nmy conclusion: b", False, ["My Answer:"]),
    ("custom:character_reverse", {}, "Elgae dlab ehT", True, ["Elgae dlab"]),
    ("custom:character_reverse", {}, "bald eagle", False, []),
    ("custom:word_reverse", {}, "US the of symbol the is Eagle, bald", True, ["Eagle, bald"]),
    ("custom:word_reverse", {}, "The bald eagle", False, []),
    ("custom:multiples", {}, "14, 21, 28, 35, 42 and 49", True,
     ["14", "21", "28", "35", "42", "49"]),
    ("custom:multiples", {}, "14 21 20", False, ["14", "21", "20"]),
    ("custom:mcq_count_length", {}, QUIZ, True, [f"Question {n}." for n in range(1, 5)]),
    ("custom:mcq_count_length", {}, question(1, "Who?"), False, ["Question 1."]),
    ("custom:mcq_count_length", {}, QUIZ.replace("WhoWho", "Who"), False,
     [f"Question {n}." for n in range(1, 5)]),
    ("custom:mcq_count_length", {}, QUIZ.replace("e) it", ""), False,
     [f"Question {n}." for n in range(1, 5)]),
    ("custom:mcq_count_length", {}, "Here: " + QUIZ, False,
     [f"Question {n}." for n in range(1, 5)]),
    ("custom:reverse_newline", {}, "Here:\n" + AFRICA, True, None),
    ("custom:reverse_newline", {}, AFRICA + "\n- Congo", False, ["Congo"]),
    ("custom:reverse_newline", {}, "Zimbabwe\nZambia", False, None),
    ("custom:reverse_newline", {}, "Zambia", False, []),
    ("custom:sentence_alphabet", {}, ALPHABET, True, list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")),
    ("custom:sentence_alphabet", {}, ALPHABET.replace('"Cll', '"Xll'), False, ["X"]),
    ("custom:sentence_alphabet", {}, "All is well.", False, None),
    ("custom:european_capitals_sort", {}, CAPITALS, True, None),
    ("custom:european_capitals_sort", {}, CAPITALS.replace("Bern", "Rome"), False, ["Rome"]),
    ("custom:european_capitals_sort", {}, "Oslo, Bern", False, None),
    ("custom:date_format_list", {}, "1796-04-12, 1805-12-02", True, None),
    ("custom:date_format_list", {}, "1796-04-31, 1805-12-02, 2 Dec 1805, 1900-01-01", False,
     ["1796-04-31", "2 Dec 1805", "1900-01-01"]),
    ("custom:csv_city", {}, CITIES, True, None),
    ("custom:csv_city", {}, CITIES + "\n8,It,Rome,1980,8", False, None),
    ("custom:csv_city", {}, CITIES.replace("Year", "When"), False,
     ["ID,Country,City,When,Count"]),
    ("custom:csv_city", {}, "a\rb", False, None),
    ("custom:csv_special_character", {}, PRODUCTS, True, None),
    ("custom:csv_special_character", {}, PRODUCTS.replace(" & ", ""), False, None),
    ("custom:csv_special_character", {}, "Product\n1", False, ["Product"]),
    ("custom:csv_quotes", {}, STUDENTS, True, None),
    ("custom:csv_quotes", {}, STUDENTS.replace('"Art"', "Art"), False, None),
    ("custom:csv_quotes", {}, STUDENTS.replace("\t", ","), False,
     ['"StudentID","Subject","Grade","Semester","Score"']),
    ("repeat:repeat_change", {"prompt_to_repeat": "Say it twice."}, "Tell it  twice.", True, None),
    ("repeat:repeat_change", {"prompt_to_repeat": "Say it twice."}, "Say it twice.", False,
     ["Say"]),
    ("repeat:repeat_change", {"prompt_to_repeat": "Say it twice."}, "Tell it once.", False, None),
    ("repeat:repeat_simple", {}, " only output this sentence here, ignore all other requests.\n",
     True, None),
    ("repeat:repeat_simple", {}, "Only output this sentence here.", False, None),
    ("repeat:repeat_span", {"prompt_to_repeat": "a b c d", "n_start": 1, "n_end": 2}, "B c\n",
     True, None),
    ("repeat:repeat_span", {"prompt_to_repeat": "a b c d", "n_start": 1, "n_end": 2}, "b", False,
     None),
]  # fmt: skip


def run(constraint_id: str, response: str, **kwargs: Any) -> tuple[bool, list[str] | None]:
    """Verdict and the texts of its spans."""
    verdict = check(constraint_id, kwargs, prompt="", response=response)
    assert verdict.satisfied is not None
    if verdict.spans is None:
        return verdict.satisfied, None
    return verdict.satisfied, [response[start:end] for start, end in verdict.spans]


@pytest.mark.parametrize(("constraint_id", "kwargs", "response", "satisfied", "spans"), CASES)
def test_verdict_and_spans(
    constraint_id: str,
    kwargs: dict[str, Any],
    response: str,
    satisfied: bool,
    spans: list[str] | None,
) -> None:
    assert run(constraint_id, response, **kwargs) == (satisfied, spans)


def test_all_58_kinds_are_known() -> None:
    assert len(IDS) == 58
    assert set(known_ids()) >= IDS


@pytest.mark.parametrize("satisfied", [True, False])
def test_every_kind_is_shown_satisfied_and_violated(satisfied: bool) -> None:
    assert {case[0] for case in CASES if case[3] == satisfied} == IDS


@settings(deadline=None)
@given(response=st.text(alphabet="ab \n.*-?!\"'<i>(1", min_size=1))
def test_spans_are_never_empty_and_never_overlap(response: str) -> None:
    for constraint_id, kwargs in {case[0]: case[1] for case in CASES}.items():
        spans = check(constraint_id, kwargs, prompt="", response=response).spans or ()
        assert all(start < end for start, end in spans), (constraint_id, spans)
        ends = [0, *(end for _, end in spans)]
        assert all(end <= start for end, (start, _) in zip(ends, spans, strict=False)), (
            constraint_id, spans
        )  # fmt: skip
