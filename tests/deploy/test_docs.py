"""What the documents say runs, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

import hopline

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#\s]+)")


@pytest.fixture(autouse=True)
def _end_tracing():
    yield
    hopline.uninstall()
    hopline.shutdown(0)


@pytest.mark.parametrize("page", ["README.md", "docs/instrument.md", "docs/opentelemetry.md"])
def test_snippets_run(page: str) -> None:
    """O4: the code blocks of a page run one after the other, as a reader would type them."""
    blocks = _BLOCK.findall((ROOT / page).read_text())
    assert blocks
    space: dict[str, object] = {"__name__": "snippet"}
    for block in blocks:
        exec(compile(block, page, "exec"), space)


def test_the_functions_of_the_readme_work() -> None:
    """O4: what the README defines can also be called."""
    space: dict[str, object] = {}
    for block in _BLOCK.findall((ROOT / "README.md").read_text()):
        exec(compile(block, "README.md", "exec"), space)
    assert space["price"]([1, 2]) == 3


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    """O4: every link to a file of this repository exists."""
    targets = [t for t in _LINK.findall(page.read_text()) if "://" not in t]
    assert [t for t in targets if not (page.parent / t).exists()] == []
