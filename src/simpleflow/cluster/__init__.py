"""Activities on other machines, by Dask distributed: the run, its history and its marks stay in one process here."""
