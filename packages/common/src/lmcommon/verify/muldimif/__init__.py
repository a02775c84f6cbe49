"""MulDimIF's twelve kinds of constraints: from prose to a check, and the checks.

Ye et al., 2025, arXiv 2505.07591. The constraints are prose; `parse_constraint(kind, text)` (in
`parsing`) turns one into a constraint id and arguments, or into None when it does not understand
all of it: such a constraint is for a judge. The checks decide as the benchmark's own scorer does
where that decides anything (where it understands nothing it passes, or fails, every response). On
purpose they differ in this: "any table" is kept by a response without one; each table is measured
by itself, and a line with a bar in prose is none; all requirements of a sentence count, not only
those of its kind; a keyword with an apostrophe is taken whole; marks to avoid may stand nowhere,
not only not at the end; "at least 5 attributes" needs an element; Chinese scripts are told by
character sets.
"""

from lmcommon.verify.muldimif import contents, formats, languages, lengths, together

__all__ = ["CHECKERS"]

CHECKERS = (
    *contents.CHECKERS, *formats.CHECKERS, *languages.CHECKERS, *lengths.CHECKERS,
    *together.CHECKERS,
)  # fmt: skip
