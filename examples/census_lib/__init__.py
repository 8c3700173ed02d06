"""The pure parts of the census: what to read, what to measure, how to add it up, how to show it."""
