"""What the documents say runs, and their links lead somewhere."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

import hopline
from hopline_collector import limits, rules
from hopline_deploy.commands import app

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


def test_the_page_of_limits_names_each_limit_of_a_row() -> None:
    """O4, C5: the page says what the table of limits says."""
    page = (ROOT / "docs/limits.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    for limit in limits.TEXT_LIMITS:
        (line,) = [line for line in rows if f"`{limit.column}`" in line.split("|")[1]]
        assert f"{limit.max_bytes:,} bytes" in line, limit
    for count in (limits.ATTR_BYTES, limits.PATH_CHARACTERS, rules.OPERATIONS_MAX, rules.ROWS_PER_TRACE):
        assert f"{count:,}" in page
    for count in (limits.TAGS_MAX, limits.ANNOTATIONS_MAX, limits.LINKS_MAX):
        assert f"| {count} each |" in page
    assert f"| {limits.KEPT_DAYS} |" in page
    assert f"{limits.MESSAGE_BYTES // 2**20} MiB | 413" in page


def test_the_readme_leads_to_every_page() -> None:
    """O4: no page of docs/ is left for chance to find, and each picture is shown."""
    linked = {(ROOT / target).resolve() for target in _LINK.findall((ROOT / "README.md").read_text())}
    wanted = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/images/*.png")]
    assert [page.name for page in wanted if page.resolve() not in linked] == []


def test_the_changes_name_every_verb() -> None:
    """O2: the list of verbs in CHANGELOG.md is the command's own."""
    found = re.search(r"`hopline ([a-z|\s]+)`", (ROOT / "CHANGELOG.md").read_text())
    assert found is not None
    assert sorted(found[1].replace("|", " ").split()) == sorted(get_command(app).commands)
