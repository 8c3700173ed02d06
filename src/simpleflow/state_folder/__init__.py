"""The database in a state folder: its file, its tables and what can be wrong with it."""
