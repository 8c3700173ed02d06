"""Amazon SWF as an engine: its answers become values of the core, and values of the core its requests."""
