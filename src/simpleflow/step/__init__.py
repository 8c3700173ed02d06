"""Steps: named work that runs once, is skipped next time, and can be forced or skipped by name."""
