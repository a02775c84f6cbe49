"""MulDimIF's twelve kinds of constraints: from prose to a check, and the checks.

Ye et al., 2025, arXiv 2505.07591. The constraints are prose; `parse_constraint(kind, text)` (in
`parsing`) turns one into a constraint id and arguments, or into None when it does not understand
all of it: such a constraint is for a judge. The checks decide as the benchmark's own scorer does
wherever that decides anything; where it passes or fails every response, ours does not exist.
"""

from lmcommon.verify.muldimif import contents, formats, languages, lengths, together

__all__ = ["CHECKERS"]

CHECKERS = (
    *contents.CHECKERS, *formats.CHECKERS, *languages.CHECKERS, *lengths.CHECKERS,
    *together.CHECKERS,
)  # fmt: skip
