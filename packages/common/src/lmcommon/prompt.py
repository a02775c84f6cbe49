"""Prompts are files: text with `{named}` placeholders, checked when loaded and when filled.

In: a text (usually a Markdown file inside a package) and the placeholders its caller will fill.
Out: a `Prompt`, whose `digest` identifies the exact wording in caches, traces and manifests. Only
`{identifier}` is a placeholder; other braces (JSON examples) are ordinary text, so templates
need no escaping and can be edited, or rewritten by an optimiser, without breaking.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from lmcommon.errors import UserError

__all__ = ["Prompt", "load_prompt"]

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A named template.

    Example:
        >>> prompt = Prompt("greet", "Say hello to {name}.", frozenset({"name"}))
        >>> prompt.fill(name="Ana")
        'Say hello to Ana.'
    """

    name: str
    text: str
    fields: frozenset[str] = field(default=frozenset())
    """The placeholders that `fill` expects: exactly those that occur in the text."""

    def __post_init__(self) -> None:
        found = frozenset(_PLACEHOLDER.findall(self.text))
        if found != self.fields:
            missing, unknown = sorted(self.fields - found), sorted(found - self.fields)
            raise UserError(
                f"prompt {self.name!r}: expected the placeholders {sorted(self.fields)}, "
                f"missing {missing}, unknown {unknown}; mend the text or the list"
            )

    @property
    def digest(self) -> str:
        """SHA-256 of the text, first 16 hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def fill(self, **values: str) -> str:
        """Replace every placeholder. Values are inserted as they are, never filled again."""
        if values.keys() != self.fields:
            raise ValueError(
                f"prompt {self.name!r}: expected values for {sorted(self.fields)}, "
                f"got {sorted(values)}"
            )
        return _PLACEHOLDER.sub(lambda match: values[match.group(1)], self.text)


def load_prompt(package: str, path: str, fields: Iterable[str]) -> Prompt:
    """Load a prompt file shipped inside `package` and check its placeholders.

    Args:
        package: Import name of the package that holds the file, such as `lmcommon.judge`.
        path: Path below the package, such as `prompts/criterion.md`.
        fields: The placeholders that the caller fills.
    """
    text = files(package).joinpath(path).read_text(encoding="utf-8").strip("\n")
    return Prompt(Path(path).stem, text, frozenset(fields))
