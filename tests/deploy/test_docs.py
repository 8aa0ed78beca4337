"""What the documents say runs, and their links lead somewhere."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from typer.main import get_command

import hopline
from hopline import launch
from hopline.testing import Recorder
from hopline_collector.block import limits
from hopline_collector.rules import rules
from hopline_deploy.commands import app
from hopline_deploy.settings import Settings
from hopline_deploy.verbs import unknown
from hopline_query.alerts.rules import parse

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
_FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"(?:export )?(?:[A-Z_]+=\S+ )*(?:hopline|make) |export [A-Z_]+=|[A-Z_]+=\S*$")
_OTHERS = re.compile(r"(?:pip install|opentelemetry-instrument) |GET /|#|$")
"""What a block shows that is no command of ours: programs of others, requests, nothing."""
_NO_SHELL = re.compile(r"hop=|0 +client|\[version|\{service=")
"""How blocks begin that are shown to be read: a header, a trace, a message, a query."""
_INLINE = re.compile(r"`((?:[A-Z_]+=\S+ )*hopline [^`]+)`")
_TOML = re.compile(r"^```toml\n(.*?)^```", re.DOTALL | re.MULTILINE)
_JSON = re.compile(r"^```json\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#\s]+)")


@pytest.fixture(autouse=True)
def _end_tracing():
    yield
    hopline.uninstall()
    hopline.shutdown(0)


@pytest.mark.parametrize(
    "page", [str(page.relative_to(ROOT)) for page in PAGES if "```python" in page.read_text(encoding="utf-8")]
)
def test_snippets_run(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """O4: the code blocks of a page run one after the other, as a reader would type them."""
    monkeypatch.setitem(sys.modules, "shop_client", library())
    blocks = _BLOCK.findall((ROOT / page).read_text())
    assert blocks
    space: dict[str, object] = {"__name__": "snippet"}
    for block in blocks:
        exec(compile(block, page, "exec"), space)


def library() -> ModuleType:
    """The library that docs/hooks.md writes a hook for."""

    class Client:
        host = "shop.example:80"

        def request(self, path: str, headers: dict[str, str] | None = None) -> SimpleNamespace:
            return SimpleNamespace(status=200, path=path, headers=headers)

    made = ModuleType("shop_client")
    made.Client = Client  # type: ignore[attr-defined]
    return made


def test_the_hook_of_the_page_makes_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """O4: the hook that docs/hooks.md writes traces its library, hands the context on, and lets go of it again."""
    made = library()
    monkeypatch.setitem(sys.modules, "shop_client", made)
    (block,) = _BLOCK.findall((ROOT / "docs/hooks.md").read_text())
    space: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(block, "docs/hooks.md", "exec"), space)
    plain = made.Client.request
    space["install"]()
    with Recorder() as recorder, hopline.span("checkout"):
        answer = made.Client().request("/carts")
    space["uninstall"]()
    assert "traceparent" in answer.headers
    assert [(row.kind, row.peer) for row in recorder.spans if row.kind == "client"] == [("client", "shop.example:80")]
    assert made.Client.request is plain


def test_the_functions_of_the_readme_work() -> None:
    """O4: what the README defines can also be called."""
    space: dict[str, object] = {}
    for block in _BLOCK.findall((ROOT / "README.md").read_text()):
        exec(compile(block, "README.md", "exec"), space)
    assert space["price"]([1, 2]) == 3


def test_the_chinese_readme_keeps_up() -> None:
    """A12: it has the code and the links of the English one."""
    english, chinese = ((ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md"))
    codes = [[re.sub(r"\s*#.*", "", block) for block in _BLOCK.findall(text)] for text in (english, chinese)]
    assert codes[0] == codes[1]
    targets = [set(_LINK.findall(text)) - {"README.md", "README.zh-CN.md"} for text in (english, chinese)]
    assert targets[1] == targets[0]


def plain_blocks(page: Path) -> list[str]:
    """The blocks of a page that name no language: what is typed into a shell, mostly."""
    return [block for language, block in _FENCED.findall(page.read_text()) if not language]


def shell_lines() -> list[tuple[str, list[str]]]:
    """Page and words of each command in a block of a page, without comments."""
    found = []
    for page in PAGES:
        for block in plain_blocks(page):
            lines = [line.strip() for line in block.splitlines()]
            found += [(page.name, shlex.split(line, comments=True)) for line in lines if _COMMAND.match(line)]
    return found


def test_commands_of_the_pages_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A12: verbs, options and settings in the blocks of all pages exist and take their values; make has the targets."""
    started: list[list[str]] = []
    monkeypatch.setattr(launch, "launch", lambda command, **_: started.append(command))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    names = set()
    for page, words in shell_lines():
        settings = [word.partition("=")[0] for word in words if re.fullmatch(r"[A-Z_]+=.*", word)]
        assert unknown(dict.fromkeys(settings, "")) == [], page
        match [word for word in words if "=" not in word or word.startswith("-")]:
            case ["make", *asked]:
                assert set(asked) <= targets, (page, words)
            case ["hopline", "run", *more]:
                launch.main(more)
            case ["hopline", *verb]:
                parsed(verb)
                names.add(verb[0])
    assert len(names) >= 10
    assert {command[0] for command in started} == {"gunicorn", "python"}


def test_every_block_without_a_language_is_looked_at() -> None:
    """A12: it is a header, a trace or the like, or each of its lines is a command, which a shell can read."""
    scripts = []
    for page in PAGES:
        for block in plain_blocks(page):
            if not _NO_SHELL.match(block):
                strange = [line for line in map(str.strip, block.splitlines()) if not _known(line)]
                assert strange == [], page.name
                scripts.append(block)
    assert len(scripts) >= 15
    read = subprocess.run(["bash", "-n"], input="\n".join(scripts), text=True, capture_output=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


def _known(line: str) -> bool:
    return bool(_COMMAND.match(line) or _OTHERS.match(line))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_verbs_in_the_sentences_of_the_pages_exist(page: Path) -> None:
    """A12: a verb that a page names in passing is one, and takes the options that stand behind it."""
    for text in _INLINE.findall(page.read_text()):
        words = shlex.split(text.replace("\n", " "))
        settings = [word.partition("=")[0] for word in words if re.match(r"HOPLINE_[A-Z_]+=", word)]
        assert unknown(dict.fromkeys(settings, "")) == [], text
        for verb in words[words.index("hopline") + 1].split("|"):
            named = [verb, *words[words.index("hopline") + 2 :]]
            assert set(re.findall(r"^--[a-z-]+", "\n".join(named), re.MULTILINE)) <= options_of(named), text


def options_of(words: list[str]) -> set[str]:
    """The options of the verb that `words` begin with. Raises UsageError where there is none."""
    command = get_command(app)
    context = command.make_context("hopline", [], resilient_parsing=True)
    while hasattr(command, "resolve_command"):
        if not words:
            break
        _, command, words = command.resolve_command(context, words)
        assert command is not None
        context = command.make_context(command.name, [], parent=context, resilient_parsing=True)
    return {option for parameter in command.params for option in parameter.opts} | {"--help", "--version"}


def parsed(words: list[str]) -> None:
    """Parse as the command line does, and run nothing; a usage error is raised as it is."""
    command = get_command(app)
    context = command.make_context("hopline", list(words))
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, words)
        assert command is not None
        context = command.make_context(name, list(words), parent=context)


def test_settings_in_the_pages_are_taken() -> None:
    """A12: the files of rules and settings that pages show are read as they stand."""
    (alerts,) = _TOML.findall((ROOT / "docs/alerts.md").read_text())
    assert {rule.measure for rule in parse(alerts).rules} >= {"success_rate", "p99_us", "qps", "new_edges", "loss"}
    (settings,) = _TOML.findall((ROOT / "docs/sign-in.md").read_text())
    assert Settings(**tomllib.loads(settings)).behind_proxy


@pytest.mark.parametrize("page", [page for page in PAGES if "```json" in page.read_text()], ids=lambda p: p.name)
def test_json_of_the_pages_parses(page: Path) -> None:
    """A12: what a page shows as JSON is JSON, where nothing is left out of it."""
    for block in _JSON.findall(page.read_text()):
        if "..." not in block:
            json.loads(re.sub(r"\s//.*", "", block))


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
    found = re.search(r"`hopline (up [a-z|\s-]+)`", (ROOT / "CHANGELOG.md").read_text())
    assert found is not None
    assert sorted(found[1].replace("|", " ").split()) == sorted(get_command(app).commands)
