"""The run itself, as text and as a picture: which steps ran and when, which were skipped, and why."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from census_lib.spans import Span, StepRow, without_pauses
from census_lib.svg import FAINT, INK, MUTED, PAPER, RULE, Canvas, fit
from census_lib.text import WIDTH, shorten

_NAMES, _TIMES = 26, 8  # columns
_COLORS = ("#1d4a68", "#c8553d", "#82b9a3", "#b98b2f", "#7a5c8e", "#357d8a")  # of the workers, in turn
_ROW, _PAGE, _LEFT, _RIGHT, _TOP = 17, 1000, 240, 300, 96  # pixels of the picture


class _Bar(NamedTuple):
    row: StepRow
    spans: list[Span]  # on the common line, see ``without_pauses``

    @property
    def seconds(self) -> float:
        return max(span.ended for span in self.spans) - min(span.began for span in self.spans) if self.spans else 0.0


def as_text(rows: list[StepRow], spans: list[Span]) -> str:
    bars, whole = _bars(rows, spans)
    room = WIDTH - _NAMES - _TIMES - 4
    lines = [f"── The run {'─' * (WIDTH - 11)}", f"  {headline(rows)}", ""]
    for bar in bars:
        drawn = [" "] * room
        for span in bar.spans:
            first = min(room - 1, int(span.began / whole * room))
            last = min(room, max(first + 1, round(span.ended / whole * room)))
            drawn[first:last] = ("█" if bar.row.ran else "░") * (last - first)
        took = f"{bar.seconds:.2f} s" if bar.spans else ""
        lines.append(f"  {shorten(bar.row.step, _NAMES):<{_NAMES}}{took:>{_TIMES}}  {''.join(drawn)}".rstrip())
    legend = "  █ ran   ░ skipped: drawn where it ran before; pauses between runs are cut out"
    return "\n".join([*lines, "", legend, ""])


def as_svg(rows: list[StepRow], spans: list[Span]) -> str:
    bars, whole = _bars(rows, spans)
    canvas = Canvas(_PAGE, "The run", headline(rows))
    canvas.text(40, 46, "The run", 24, weight=700)
    canvas.text(40, 70, headline(rows), 13, fill=MUTED)
    workers = list(dict.fromkeys(span.worker for bar in bars for span in bar.spans))
    width = _PAGE - _LEFT - _RIGHT
    for number, bar in enumerate(bars):
        y = _TOP + number * _ROW
        canvas.line(40, y + _ROW - 1.5, _PAGE - 40, y + _ROW - 1.5)
        canvas.text(40, y + 12, fit(bar.row.step, _LEFT - 50, 11.5), 11.5, fill=INK if bar.row.ran else MUTED)
        for span in bar.spans:
            color = _COLORS[workers.index(span.worker) % len(_COLORS)]
            x, w = _LEFT + span.began / whole * width, max(1.0, (span.ended - span.began) / whole * width)
            tip = f"{bar.row.step}: {span.ended - span.began:.2f} s in {span.worker}"
            canvas.rect(x, y + 2, w, _ROW - 6, color if bar.row.ran else RULE, tip=tip)
        took = f"{bar.seconds:.2f} s" if bar.spans else ""
        canvas.text(_PAGE - _RIGHT + 56, y + 12, took, 11.5, fill=MUTED, anchor="end")
        why = bar.row.status + (f": {', '.join(bar.row.reasons)}" if bar.row.reasons else "")
        canvas.text(_PAGE - _RIGHT + 70, y + 12, fit(why, _RIGHT - 110, 11.5), 11.5, fill=MUTED)
    end = _TOP + len(bars) * _ROW + 24
    canvas.rect(0, end - 12, _PAGE, 36, PAPER)
    note = "One colour for each worker. Grey: skipped, drawn where it ran before; pauses between runs are cut out."
    canvas.text(40, end + 4, note, 11.5, fill=FAINT)
    return canvas.finish(end + 24)


def headline(rows: list[StepRow]) -> str:
    """Count the steps by what became of them."""
    counts = Counter(row.status for row in rows)
    return f"{len(rows)} steps: " + ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))


def _bars(rows: list[StepRow], spans: list[Span]) -> tuple[list[_Bar], float]:
    """Return a bar for each step, and the length of the common line."""
    named = {row.step for row in rows}
    moved = without_pauses([span for span in spans if span.step in named])
    whole = max((span.ended for span in moved), default=0.0) or 1.0
    return [_Bar(row, [span for span in moved if span.step == row.step]) for row in rows], whole
