"""Draw the picture of a run in the README: the screen of a real terminal while the census runs.

    python -m tests.docs.picture          writes docs/run.svg

The census runs on its own terminal, which ``pyte`` emulates, until half of its steps are done.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

from tests.docs.pages import ROOT

PICTURE = ROOT / "docs" / "run.svg"
COLUMNS, ROWS = 92, 24
_CELL, _LINE, _SIZE, _PADDING, _BAR = 8.0, 18, 13, 18, 34  # pixels
_PAPER, _INK, _DIM = "#1b2029", "#d6dbe3", "#7f8897"
_COLORS = {"green": "#7fc98f", "red": "#e5786d", "brown": "#e0b866", "cyan": "#6fc3df", "default": _INK}


def main() -> int:
    from tests.cli.terminals import Screen

    with tempfile.TemporaryDirectory() as folder:
        command = ["workflow.start", "--local", "--nb-workers", "2", str(ROOT / "examples" / "census.py")]
        screen = Screen(Path(folder), *command, columns=COLUMNS, rows=ROWS)
        screen.wait(lambda: _share(screen.lines) > 0.45, "the census did not get so far")
        drawn = draw(screen.screen.buffer, screen.screen.display)
        assert screen.end() == 0
    PICTURE.write_text(drawn, encoding="utf-8")
    print(f"{PICTURE.relative_to(ROOT)}: {len(drawn) // 1024} kB")
    return 0


def _share(lines: list[str]) -> float:
    """The share of the steps that are done, as the first line of the view says."""
    found = re.search(r"(\d+) of (\d+) steps done", "\n".join(lines))
    return int(found[1]) / int(found[2]) if found and int(found[2]) > 10 else 0.0


def draw(buffer: object, display: list[str]) -> str:
    """Return the screen as SVG: a window with a title, and a text for each piece of one colour."""
    lines = [number for number, line in enumerate(display) if line.strip()]
    width = COLUMNS * _CELL + 2 * _PADDING
    height = _BAR + len(lines) * _LINE + _PADDING
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}"'
        f' viewBox="0 0 {width:.0f} {height}"'
        ' role="img" aria-labelledby="title" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas,'
        f' \'DejaVu Sans Mono\', monospace" font-size="{_SIZE}">',
        '<title id="title">A run of the census, half way: a tree of its steps on a terminal</title>',
        f'<rect width="{width:.0f}" height="{height}" rx="8" fill="{_PAPER}"/>',
        *(f'<circle cx="{20 + 18 * at}" cy="17" r="5.5" fill="{color}"/>' for at, color in enumerate(_BUTTONS)),
    ]
    for row, number in enumerate(lines):
        y = _BAR + (row + 1) * _LINE - 6
        for at, text, color, bold in _pieces(buffer, number):
            weight = ' font-weight="700"' if bold else ""
            x, length = _PADDING + at * _CELL, len(text) * _CELL
            parts.append(
                f'<text x="{x:.0f}" y="{y}" textLength="{length:.0f}" xml:space="preserve" fill="{color}"{weight}>'
                f"{escape(text)}</text>"
            )
    return "\n".join([*parts, "</svg>", ""])


_BUTTONS = ("#e5786d", "#e0b866", "#7fc98f")


def _pieces(buffer: object, number: int) -> list[tuple[int, str, str, bool]]:
    """The words of a line that have one colour: column, text, colour and whether they are bold."""
    cells = [buffer[number][column] for column in range(COLUMNS)]  # type: ignore[index]
    dim = "".join(cell.data for cell in cells).lstrip().startswith(("activity ", "activities: ", "... and "))
    found: list[tuple[int, str, str, bool]] = []
    for column, cell in enumerate(cells):
        color = _DIM if dim else _COLORS.get(cell.fg, _INK)
        if found and found[-1][2:] == (color, cell.bold) and found[-1][0] + len(found[-1][1]) == column:
            found[-1] = (found[-1][0], found[-1][1] + cell.data, color, cell.bold)
        else:
            found.append((column, cell.data, color, cell.bold))
    return [
        (at + match.start(), match[0], color, bold)
        for at, text, color, bold in found
        for match in re.finditer(r"\S+(?: \S+)*", text)
    ]


if __name__ == "__main__":
    sys.exit(main())
