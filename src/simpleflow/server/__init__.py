"""A local SWF server for development and tests: Amazon SWF's protocol over the embedded engine, on loopback.

with Server() as server:
    client = boto3.client("swf", endpoint_url=server.url, ...)
"""

from simpleflow.server.chaos import Chaos
from simpleflow.server.decision_check import Limits
from simpleflow.server.http import Server

__all__ = ["Chaos", "Limits", "Server"]
