"""Recording a run: what callers use, and how it reaches the queue of the writer."""
