"""The evolution graph: recording a run, storing it in one file, reading it back."""
