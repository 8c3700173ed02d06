"""The user's source: its text as it was when it was loaded, digests of code, files, and the lines of tracebacks."""
