"""Finding texts: the index beside a trace, by words, by meaning, by pattern."""
