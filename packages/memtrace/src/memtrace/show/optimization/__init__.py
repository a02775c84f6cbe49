"""What a person sees of an optimisation: tables, a curve, coloured diffs, two reports."""
