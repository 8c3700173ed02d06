"""Engines keep executions and hand out their tasks: in memory, in SQLite, or through Amazon SWF."""
