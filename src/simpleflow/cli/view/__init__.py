"""Output for people: tables, trees, progress and the live display."""
