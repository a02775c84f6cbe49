"""The work behind `memtrace-attribute`: cases of any source, by several methods, to a report."""
