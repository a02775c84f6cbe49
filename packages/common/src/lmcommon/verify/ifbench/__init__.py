"""IFBench's 58 constraint kinds (Pyatkin et al. 2025, arXiv 2507.02833).

Each module is one theme and lists its checkers in `CHECKERS`. A check decides as today's public
checkers do, their quirks included, so that scores can be compared; where a quirk is at odds with
the constraint's wording, its docstring says so. Where checkers of different age differ, the wording
decides, and if it leaves both open, the published verdicts. The words of a constraint are ours.
"""
