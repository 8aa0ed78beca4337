"""What people paste on the command line: ids, headers and links of pages and of other tools."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit


def trace_id(text: str) -> str:
    """The id in a link; what is none stays: the server reads ids, traceparents and other headers."""
    if "/" not in text:
        return text.strip()
    from hopline_query.search.ids import trace_id_of

    return trace_id_of(text) or text.strip()


def conditions(link: str) -> Mapping[str, str]:
    """The conditions in a link of the search page, or of the API. Raises `ValueError` for what is no link."""
    parts = urlsplit(link.strip())
    found = dict(parse_qsl(parts.query, keep_blank_values=False))
    if not found:
        raise ValueError(
            f"{link[:200]!r} is no link of a search: expected an address with conditions, such as ?service=a"
        )
    return found
