"""Deciders and workers: they poll an engine for tasks, run them, and report what came out."""
