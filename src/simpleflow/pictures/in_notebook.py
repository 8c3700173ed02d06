"""The base class that makes a notebook show an object as HTML. The HTML itself is loaded only when it is shown."""

from __future__ import annotations

from simpleflow.engines.run import Run


class RunInNotebook:
    """An object that has driven a run, whose last line in a cell of a notebook shows that run."""

    _runs: list[Run]  # the run and its children, once it has been driven

    def _repr_html_(self) -> str | None:
        """The run as HTML; None before it has been driven: then the notebook shows the text."""
        if not self._runs:
            return None
        from simpleflow.pictures.notebook import run_html

        return run_html(self._runs)
