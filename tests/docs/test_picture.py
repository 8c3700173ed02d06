"""The pictures in the README and in the pages: ``make screenshots`` draws them anew."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from itertools import groupby

from tests.docs.pages import read
from tests.docs.picture import PICTURE
from tests.docs.report_pictures import FOLDER, MOST_BYTES, NAMES
from tests.docs.ui_pictures import PAGES as UI_PICTURES

TEXT = "{http://www.w3.org/2000/svg}text"
LINES = (
    r"workflow census: started, run 2[\w-]{7}.*",
    r"workflow census: \d+\.\d s, \d+ of \d+ steps done, \d+ under way(, \d+ queued)?",
    r"[…✓] [\w.]+ \d+\.\d+ s [━─]{10} \d+/\d+( forced: Dep of scan)?",
    r"[…✓] [\w.]+ \d+\.\d+ s( queued)?( forced: Dep of scan)?",
    r"\.\.\. and \d+ more",
    r"activity census\.parse \d+\.\d+ s parse\.[\w.]+",
    r"activities: \d+ waiting for a worker",
)


def test_the_picture_is_one_of_the_live_view() -> None:
    root = ElementTree.parse(PICTURE).getroot()
    pieces = [(element.attrib["y"], element.text or "") for element in root.iter(TEXT)]
    lines = [" ".join(text for _, text in group) for _, group in groupby(pieces, key=lambda piece: piece[0])]
    assert [line for line in lines if not any(re.fullmatch(each, line) for each in LINES)] == []
    assert [pattern for pattern in LINES if not any(re.fullmatch(pattern, line) for line in lines)] == []
    assert sum("Dep of scan" in line for line in lines) == 1
    assert '<img src="docs/run.svg"' in read("README.md")


def test_the_pictures_of_reports_are_there_and_small() -> None:
    assert {path.name for path in FOLDER.glob("report*")} == set(NAMES)
    assert all((FOLDER / name).stat().st_size < MOST_BYTES for name in NAMES)
    assert read("README.md").startswith('# simpleflow\n\n<img src="docs/pictures/report.webp"')
    assert "](pictures/report-failed.webp)" in read("docs/report.md")


def test_the_pictures_of_the_page_are_there_and_small() -> None:
    assert {path.name for path in FOLDER.glob("ui-*")} == set(UI_PICTURES)
    assert all((FOLDER / name).stat().st_size < MOST_BYTES for name in UI_PICTURES)
    assert all(f"](pictures/{name})" in read("docs/ui.md") for name in UI_PICTURES)
