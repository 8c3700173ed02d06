"""A run as rows: the read model for every view of a run."""
