"""The engine that keeps executions in an SQLite file, under a lease for each run."""
