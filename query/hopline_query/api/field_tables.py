"""The field tables of docs/api.md: ``python -m hopline_query.api.field_tables docs/api.md`` writes them."""

import re
import sys
from pathlib import Path
from typing import Any

from hopline_query.api.bodies import ANSWERS, schema

SECTION = re.compile(r"(?<=<!-- fields: begin -->\n).*(?=<!-- fields: end -->)", re.DOTALL)


def render() -> str:
    """A table per answer; lists and objects within it name their fields with dots."""
    parts = []
    for path, shape in ANSWERS.items():
        whole = schema(shape)
        rows = [f"| `{name}` | {kind} | {text} |" for name, kind, text in _rows(whole, "") if "freshness." not in name]
        if path == "/freshness":
            rows = [f"| `{name}` | {kind} | {text} |" for name, kind, text in _rows(whole, "")]
        title = (whole.get("description") or "").partition("\n")[0]
        parts += [f"`GET {path}`: {title[:1].lower()}{title[1:]}", "", "| field | type | |", "|---|---|---|", *rows, ""]
    return "\n".join(["", *parts])


def _rows(part: dict[str, Any], before: str) -> list[tuple[str, str, str]]:
    found = []
    for name, value in part.get("properties", {}).items():
        known = next((one for one in value.get("anyOf", ()) if one.get("type") != "null"), value)
        inner = known.get("items") or known
        many = "[]" if known.get("type") == "array" else ""
        text = value.get("description", "") if "properties" not in inner else ""
        found.append((before + name, _kind(value), text))
        found += _rows(inner, f"{before}{name}{many}.")
    return found


def _kind(value: dict[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(_kind(one) for one in value["anyOf"])
    if "prefixItems" in value:
        return f"[{', '.join(map(_kind, value['prefixItems']))}]"
    if value.get("type") == "array":
        return f"list of {_kind(value['items'])}" if "items" in value else "list"
    return str(value.get("type", "any"))


def main() -> None:
    """Write the tables into the page that is named."""
    page = Path(sys.argv[1])
    page.write_text(SECTION.sub(lambda _: render(), page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
