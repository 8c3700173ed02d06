"""Runs as pictures: the timeline, the graph, the trace and the report, as text that a browser shows."""
