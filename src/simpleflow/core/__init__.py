"""The pure core: events, histories, the decider's half that makes decisions, the service's half that makes events."""
