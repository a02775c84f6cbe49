"""Is a file a sound trace, and what can be saved of one that is not."""
