"""smartcomment / MemTraceBench JSON, both ways."""
