"""``python -m bench`` measures simpleflow beside a plain script and other tools; see docs/performance.md."""
