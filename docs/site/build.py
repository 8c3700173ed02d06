"""Build the site in ``build/docs``: gather the pages, make those of the reference, let Sphinx write HTML, check links.

    python -m docs.site.build            warnings are errors
    python -m docs.site.build --external also ask the servers of other sites whether their pages are there

The pages are copied, with links between files turned into links between pages: so the Markdown in the repository stays
what GitHub shows.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from docs.site import check, reference
from docs.site.markdown import first_sentence, on_the_site, with_links
from docs.site.pages import ROOT, SECTIONS, sources, tree

from simpleflow import __version__

BUILD = ROOT / "build" / "docs"
SOURCE, HTML = BUILD / "source", BUILD / "html"
REPOSITORY = "https://github.com/simpleflow/simpleflow/blob/main"


def main(arguments: list[str]) -> int:
    """Build the site; return the exit code."""
    shutil.rmtree(BUILD, ignore_errors=True)
    for name, text in gathered().items():
        path = SOURCE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for file, name in files().items():
        (SOURCE / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, SOURCE / name)
    builder = "linkcheck" if "--external" in arguments else "html"
    into = BUILD / "links" if builder == "linkcheck" else HTML
    command = [sys.executable, "-m", "sphinx", "-b", builder, "-W", "--keep-going", "-q", "-j", "auto"]
    code = subprocess.run(
        [*command, "-D", f"release={__version__}", "-c", ROOT / "docs/site", SOURCE, into], cwd=ROOT, check=False
    ).returncode
    if code or builder == "linkcheck":
        return code
    wrong = check.broken_links(HTML)
    for line in wrong:
        print(line, file=sys.stderr)
    if not wrong:
        print(f"{HTML / 'index.html'}: {len(list(HTML.rglob('*.html')))} pages, all links between them lead somewhere")
    return 1 if wrong else 0


def gathered() -> dict[str, str]:
    """The text of each page of the site, by its path with suffix."""
    written = sources()
    made = reference.pages()
    pages = {file: name for name, file in written.items()} | files() | example_anchors()
    found = dict(made)
    for name, file in written.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        found[f"{name}.md"] = with_links(text, lambda target, at=(file, name): _rewritten(target, *at, pages))
    found["index.md"] = index(found)
    return found


def files() -> dict[str, str]:
    """The pictures and other files in ``docs`` that pages show or offer: path in the repository, and on the site."""
    below = (path for path in (ROOT / "docs").rglob("*") if path.is_file() and path.suffix not in ("", ".md"))
    found = sorted(path for path in below if ROOT / "docs/site" not in path.parents)
    return {str(path.relative_to(ROOT)): str(path.relative_to(ROOT / "docs")) for path in found}


def example_anchors() -> dict[str, str]:
    """The examples are one page."""
    return {"examples": "examples"}


def _rewritten(target: str, file: str, name: str, pages: dict[str, str]) -> str:
    found = on_the_site(target, file, name, pages)
    if found is not None:
        return found
    path = (ROOT / file).parent.joinpath(target.partition("#")[0]).resolve().relative_to(ROOT)
    if path.parent == Path("examples") and path.suffix == ".py":
        return f"examples.md#{path.name.replace('.', '')}"
    return f"{REPOSITORY}/{path}"


def index(found: dict[str, str]) -> str:
    """The first page: the beginning of the README, and the sections with their pages."""
    readme = found["overview.md"]
    beginning = readme.partition("\n## ")[0]
    parts = [beginning]
    names = [path.rpartition(".")[0] for path in found]
    for section in SECTIONS:
        pages = tree(names)[section.title]
        parts += [f"## {section.title}\n", f"{section.purpose}\n"]
        parts.append("\n".join(_line(name, found) for name in pages) + "\n")
        entries = "\n".join("Overview <overview>" if name == "overview" else name for name in pages)
        parts.append(f"```{{toctree}}\n:hidden:\n:caption: {section.title}\n:titlesonly:\n\n{entries}\n```\n")
    return "\n".join(parts)


def _line(name: str, found: dict[str, str]) -> str:
    if f"{name}.rst" in found:
        return f"- [{found[f'{name}.rst'].partition(chr(10))[0]}]({name}.rst)"
    text = found[f"{name}.md"]
    title = "Overview" if name == "overview" else text.partition("\n")[0].removeprefix("# ")
    sentence = first_sentence(text)
    return f"- [{title}]({name}.md): {sentence}" if sentence else f"- [{title}]({name}.md)"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
