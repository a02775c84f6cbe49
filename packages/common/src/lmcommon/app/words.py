"""Plain words on the command line: `memtrace-show trace.db op-12` instead of `trace=... node=...`.

In: what the user typed. Out: overrides that Hydra reads as exactly those words, whatever
characters they hold. A word is plain when it cannot be an override: it has no `=`, or what stands
before the `=` is no key, or it names a file that is there. After `--` every word is plain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import fields
from pathlib import Path

from lmcommon.errors import UserError

__all__ = ["quoted", "usage", "with_words"]

_OVERRIDE = re.compile(r"(~|\+{0,2})(?P<key>[A-Za-z_][\w@./:-]*)=", re.ASCII)
_DELETION = re.compile(r"~[A-Za-z_][\w@./:-]*", re.ASCII)
_TAKES_A_VALUE = {
    "--cfg", "-c", "--info", "-i", "--package", "-p", "--config-path", "-cp", "--config-name",
    "-cn", "--config-dir", "-cd",
}  # fmt: skip


def usage(verb: str, schema: type, positional: Sequence[str]) -> str:
    """How to call the verb with plain words, such as `memtrace-show TRACE [NODE]`."""
    shown = [key.upper() if _is_required(schema, key) else f"[{key.upper()}]" for key in positional]
    return " ".join([verb, *shown])


def with_words(
    arguments: Sequence[str], schema: type, positional: Sequence[str], verb: str
) -> list[str]:
    """Give plain words to the positional keys, in order; the rest stays as it is.

    Raises:
        UserError: More words than keys, or a key given both ways.
    """
    known = {field.name for field in fields(schema)}
    rest: list[str] = []
    words: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            words += waiting
        elif argument in _TAKES_A_VALUE:
            rest += [argument, *[value for value in [next(waiting, None)] if value is not None]]
        elif argument.startswith("-") and argument != "-":
            rest.append(argument)
        else:
            (words if _is_plain(argument, known) else rest).append(argument)
    if len(words) > len(positional):
        raise UserError(_too_many(words, usage(verb, schema, positional), positional))
    given = dict(zip(positional, words, strict=False))
    for key in given:
        if any(argument.startswith(f"{key}=") for argument in rest):
            raise UserError(
                f"{key} was given twice: as the word {given[key]!r} and as {key}=...; drop one"
            )
    return [*rest, *(f"{key}={quoted(word)}" for key, word in given.items())]


def quoted(word: str) -> str:
    """A text as one Hydra override value that comes back unchanged.

    A backslash is itself, except before a quote, before the end, and before `${`.
    """
    if "${" in word:
        word = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", word)
    return "'" + re.sub(r"(\\*)('|\Z)", _doubled, word) + "'"


def _doubled(found: re.Match[str]) -> str:
    return found[1] * 2 + (r"\'" if found[2] else "")


def _is_plain(word: str, known: set[str]) -> bool:
    override = _OVERRIDE.match(word)
    if override is None:
        return not _DELETION.fullmatch(word)
    return override["key"].split(".")[0] not in known and Path(word).exists()


def _too_many(words: Sequence[str], shown: str, positional: Sequence[str]) -> str:
    if not positional:
        return f"expected key=value, got {words[0]!r} (--help shows the keys and options)"
    limit = "one word" if len(positional) == 1 else f"at most {len(positional)} words"
    return (
        f"expected {limit} ({shown}), got {len(words)}: {', '.join(map(repr, words))}; quote a "
        "name with spaces, and write everything else as key=value"
    )


def _is_required(schema: type, key: str) -> bool:
    field = next(field for field in fields(schema) if field.name == key)
    return field.default == "???" or (
        field.default is NO_DEFAULT and field.default_factory is NO_DEFAULT
    )
