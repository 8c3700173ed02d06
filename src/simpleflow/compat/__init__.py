"""Names of the existing library named simpleflow that have another place here, or exist for its users alone.

``simpleflow`` finds the modules of this folder as its own: ``simpleflow.log`` is ``compat/log.py``. Names in modules
that exist here are found by ``names.find``. ``docs/compatibility.md`` says what to use instead.
"""
