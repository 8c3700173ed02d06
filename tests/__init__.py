"""The tests, their helpers, and campaigns that run longer than tests."""

import os

# Tests edit files and load them again within a second. Python takes byte-code for current that was written in the same
# second from a file of the same size. See also ``pytest_collection_finish``.
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
