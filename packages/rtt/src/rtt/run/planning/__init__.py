"""What rtt-plan computes: sizes of a model, rows of a batch, bytes on a GPU, commands to start it.

In: the typed configuration of rtt-train. Out: plain frozen records and lines of text. No weights
are loaded and no GPU is asked.
"""
