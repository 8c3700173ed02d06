"""What a run has done, as rows: the read model that everything shows which shows a run."""
