"""The table hook x contract case of docs/hooks.md: ``make docs`` writes it.

A case is a test of the contract suite, a hook one of its subjects; what a subject leaves out, it leaves out
with a reason. All other fields are tests that the suite runs.
"""

import ast
import re
from pathlib import Path

from support.contract import clients, consumers, servers

TESTS = Path(__file__).parents[2]
SUITE = TESTS / "instrumentation" / "hooks" / "contract"
PAGE = TESTS.parent / "docs" / "hooks.md"
SECTION = re.compile(r"(?<=<!-- table: begin -->\n).*(?=<!-- table: end -->)", re.DOTALL)


def cases(module: str) -> list[str]:
    """Names of the tests in one module of the suite that every subject runs."""
    tree = ast.parse((SUITE / module).read_text())
    return [
        node.name.removeprefix("test_")
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and node.args.args
    ]


def render() -> str:
    """The tables as Markdown."""
    parts = []
    for title, module, subjects in (
        ("Serving", "test_servers.py", servers.SUBJECTS),
        ("Calling", "test_clients.py", clients.SUBJECTS),
        ("Handling messages", "test_consumers.py", consumers.SUBJECTS),
    ):
        names = cases(module)
        reasons = {reason: None for subject in subjects for reason in subject.leaves_out.values()}
        marks = {reason: f"[{number}]" for number, reason in enumerate(reasons, 1)}
        lines = [
            f"### {title}",
            "",
            f"| case | {' | '.join(subject.name for subject in subjects)} |",
            f"|---|{'---|' * len(subjects)}",
        ]
        for name in names:
            cells = [marks[s.leaves_out[name]] if name in s.leaves_out else "yes" for s in subjects]
            lines.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
        lines += ["", *(f"{mark} {reason}." for reason, mark in marks.items()), *([""] if marks else [])]
        parts.append("\n".join(lines))
    return "\n".join(parts)


def main() -> None:
    """Write the tables into the page."""
    PAGE.write_text(SECTION.sub(lambda _: render(), PAGE.read_text()))


if __name__ == "__main__":
    main()
