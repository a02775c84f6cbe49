"""Errors of Hydra and OmegaConf, told as one line that names the key, the options and the fix."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import get_args, get_type_hints

from lmcommon.errors import UserError

__all__ = ["explain", "schemas_by_name"]

_NOISE = (
    r"To append to your config use \S+",
    r"Config search path:.*",
    r"Check available options inside.*",
    r"Set the environment variable.*",
    r"See https?://\S+ for details",
    r"full_key: (\S+) object_type=\S+",
    r"[^;]*\$VALUE[^;]*",
)

_MISSING = re.compile(r"[Mm]issing mandatory value: ([\w.]+)")


def explain(error: BaseException, schemas: Mapping[str, type]) -> UserError | None:
    """A mistake a user can fix, as one line; None for anything else."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for link in chain:
        if isinstance(link, UserError):
            return link
    if isinstance(error, ValueError) and "Config group override must be" in str(error):
        return UserError(
            "expected the name of an option for every group; got null; choose an option "
            "(--help shows the keys and options)"
        )
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return UserError(_one_line([str(link) for link in chain], schemas))
    return None


def _one_line(messages: list[str], schemas: Mapping[str, type]) -> str:
    """Join the messages of a chain of Hydra and OmegaConf errors into one helpful sentence."""
    seen: list[str] = []
    for message in messages:
        text = re.sub(r"\s+", " ", message)
        for pattern in _NOISE:
            text = re.sub(pattern, "", text)
        text = text.strip(" ;")
        if text and not any(text in other for other in seen):
            seen.append(text)
    sentence = "; ".join(seen)
    if missing := _MISSING.search(sentence):
        sentence = f"{missing[1]}: expected a value; none was given"
    if unknown := re.search(r"Key '(\w+)' not in '(\w+)'", sentence):
        sentence += _known_keys(unknown[1], unknown[2], schemas)
    return f"{sentence} (--help shows the keys and options)"


def _known_keys(key: str, schema: str, schemas: Mapping[str, type]) -> str:
    if schema not in schemas:
        return ""
    names = [field.name for field in fields(schemas[schema])]
    close = get_close_matches(key, names, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    return f".{meant} Expected one of {', '.join(names)}"


def schemas_by_name(schema: type, groups: Mapping[str, Mapping[str, type]]) -> dict[str, type]:
    """Every dataclass a configuration can hold, by class name."""
    found: dict[str, type] = {}
    waiting = [schema, *(node for options in groups.values() for node in options.values())]
    while waiting:
        node = waiting.pop()
        if found.setdefault(node.__name__, node) is node and is_dataclass(node):
            hints = get_type_hints(node)
            waiting += [
                part
                for hint in hints.values()
                for part in (hint, *get_args(hint))
                if isinstance(part, type) and is_dataclass(part) and part.__name__ not in found
            ]
    return found
