"""A trace opened: its parts, the graph on compact arrays, tables and figures."""
