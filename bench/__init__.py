"""What simpleflow costs beside a plain script and other tools: ``python -m bench``; see docs/performance.md."""
