"""What a local run is made of: its pool, the output of its activities, its outcome, and what is reported at its end."""
