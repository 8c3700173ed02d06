"""Amazon SWF as an engine: its answers as values of the core, and the core's as its requests."""
