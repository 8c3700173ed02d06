"""The decider's half of the core: it evaluates a workflow and returns the decisions."""
