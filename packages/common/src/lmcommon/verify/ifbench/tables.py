"""Tables as CSV, each for one given task (IFBench's `custom` group).

What is no CSV at all is a violation. The span of a wrong header is the first line; otherwise the
whole response decides.
"""

from __future__ import annotations

import csv
import io
import re

from lmcommon.verify.types import Finding, checker

__all__ = ["CHECKERS"]

_CITY = ["ID", "Country", "City", "Year", "Count"]
_SPECIAL = re.compile(r"\".*[^\d\w\s].*\"")


def _header(names: str, gap: str) -> re.Pattern[str]:
    """A header of these names, each perhaps in double quotes."""
    return re.compile(gap.join(f'(?:{name}|"{name}")' for name in names.split()))


_PRODUCTS = _header("ProductID Category Brand Price Stock", r",[ \t]*")
_STUDENTS = _header("StudentID Subject Grade Semester Score", r"\t *")


def _rows(text: str, delimiter: str = ",") -> list[list[str]] | None:
    try:
        return list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error:
        return None


def _bad_header(response: str) -> Finding:
    end = response.find("\n")
    end = len(response) if end < 0 else end
    return Finding(False, ((0, end),) if end else ())


def _keeping_quotes(text: str) -> str:
    """Double quotation marks tripled, so that the reader leaves one in the field."""
    return text.replace('"', '"""')


@checker("custom:csv_city",
         "The output is comma-delimited CSV with the columns ID, Country, City, Year, Count and "
         "seven rows.",
         scope="forbidden")  # fmt: skip
def csv_city(response: str) -> Finding:
    """A header, seven rows of five fields, and nothing else."""
    rows = _rows(response)
    if rows is None:
        return Finding(False)
    if rows[:1] != [_CITY]:
        return _bad_header(response)
    return Finding(len(rows) == 8 and all(len(row) == 5 for row in rows))


@checker(
    "custom:csv_special_character",
    "The output is comma-delimited CSV with the columns ProductID, Category, Brand, Price, "
    "Stock and 14 rows; one field with a special character stands in double quotation marks.",
    scope="forbidden",
)
def csv_special_character(response: str) -> Finding:
    """As in IFBench the rows after the first one with such a field are not looked at."""
    if not _PRODUCTS.fullmatch(response.split("\n")[0].strip()):
        return _bad_header(response)
    rows = _rows(_keeping_quotes(response))
    if rows is None or len(rows) != 15:
        return Finding(False)
    for row in rows[1:]:
        if len(row) != 5:
            return Finding(False)
        if any(_SPECIAL.match(field) for field in row):
            return Finding(True)
    return Finding(False)


@checker("custom:csv_quotes",
         "The output is tab-delimited with the columns StudentID, Subject, Grade, Semester, Score "
         "and three rows, and every field stands in double quotation marks.",
         scope="forbidden")  # fmt: skip
def csv_quotes(response: str) -> Finding:
    """The header's fields too."""
    if not _STUDENTS.fullmatch(response.split("\n")[0].strip()):
        return _bad_header(response)
    rows = _rows(_keeping_quotes(response), delimiter="\t")
    if rows is None or len(rows) != 4 or any(len(row) != 5 for row in rows):
        return Finding(False)
    return Finding(all(_is_quoted(field.strip()) for row in rows for field in row))


def _is_quoted(field: str) -> bool:
    return field[:1] == '"' == field[-1:]


CHECKERS = (csv_city, csv_special_character, csv_quotes)
