"""What a program check is: its id, its arguments, the function that decides, its wording.

A check is written as a plain function from a response (and keyword arguments) to a `Finding`; the
decorator `checker` turns it into a `Checker`, which also knows how to validate the arguments and
how to say the constraint in words. Nothing is registered by importing: each group module lists its
checkers in `CHECKERS`, and `lmcommon.verify.registry` puts the lists together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lmcommon.errors import UserError
from lmcommon.verify.fields import Field

__all__ = ["Checker", "Finding", "Scope", "Span", "checker"]

Span = tuple[int, int]

Scope = Literal["required", "forbidden", "every", "global"]
"""What the spans of a check are evidence of.

"required": something must occur; the spans are where it does. "forbidden": something must not;
the spans are the offences. "every": all of some parts must be right; the spans are those parts
when they are, and the wrong ones when not. "global": the response as a whole decides (a count, a
length, a format of everything), whatever places the check can name.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found in one text.

    Example:
        `Finding(False, ((10, 11),))`: violated, and the character at 10 is why.
    """

    satisfied: bool
    spans: tuple[Span, ...] | None = None
    """Characters `[start, end)` that decide. Empty: something absent decides. None: the whole
    response does, or the check cannot tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """A program-checked kind of constraint.

    Example:
        `Checker(id="words:start", find=..., wording="Begin with {word}.", fields={"word": TEXT})`
    """

    id: str
    find: Callable[..., Finding]
    """Called as `find(response, **kwargs)`, with `prompt=` too if `takes_prompt`."""
    wording: str | Callable[..., str]
    """Template (or function) of the arguments that gives the criterion's text."""
    fields: Mapping[str, Field]
    takes_prompt: bool = False
    scope: Scope | Callable[..., Scope] = "required"
    """A function of the arguments where they decide. The default is safe for a check without
    spans: it names no place, so the whole response decides."""

    def validate(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments, checked and normalised. None counts as not given.

        Raises:
            UserError: An argument is missing, unknown or of the wrong form; names the field.
        """
        given = {name: value for name, value in kwargs.items() if value is not None}
        if unknown := sorted(given.keys() - self.fields.keys()):
            raise UserError(
                f"constraint {self.id!r}: expected the arguments {sorted(self.fields)}, "
                f"got the unknown {unknown}; remove or rename them"
            )
        clean = {}
        for name, form in self.fields.items():
            if name not in given:
                raise UserError(f"constraint {self.id!r}: the argument {name!r} is missing; "
                                f"give {form.expected}")  # fmt: skip
            try:
                clean[name] = form.parse(given[name])
            except (ValueError, OverflowError) as error:
                raise UserError(
                    f"constraint {self.id!r}, argument {name!r}: expected {form.expected}, "
                    f"got {given[name]!r}"
                ) from error
        return clean

    def describe(self, kwargs: Mapping[str, Any]) -> str:
        """The constraint in words, with validated arguments."""
        if callable(self.wording):
            return self.wording(**kwargs)
        return self.wording.format(**{name: _shown(value) for name, value in kwargs.items()})


def checker(
    id: str,
    wording: str | Callable[..., str],
    *,
    takes_prompt: bool = False,
    scope: Scope | Callable[..., Scope] = "required",
    **fields: Field,
) -> Callable[[Callable[..., Finding]], Checker]:
    """Make a `Checker` of the decorated function."""

    def make(find: Callable[..., Finding]) -> Checker:
        return Checker(
            id=id, find=find, wording=wording, fields=fields, takes_prompt=takes_prompt,
            scope=scope,
        )  # fmt: skip

    return make


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(f'"{item}"' for item in value)
    return str(value)
