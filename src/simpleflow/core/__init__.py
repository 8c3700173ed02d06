"""The pure core, with no clock, disk, network or thread.

It has events, decisions and histories; the decider's half, which makes decisions from a history; and the service's
half, which makes events from decisions and from time.
"""
