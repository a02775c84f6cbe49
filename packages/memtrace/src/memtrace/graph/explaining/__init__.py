"""Why an answer is what it is, why a fact is not in it, and where two runs parted."""
