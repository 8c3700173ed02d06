"""Steering by hand: predict a run before it starts, and read, set or delete the marks of steps."""
