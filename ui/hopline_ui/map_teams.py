"""Groups of the map by a tag such as ``team``: which value the calls of each service have."""

import re
from collections.abc import Mapping
from typing import Final

from hopline_query.errors import BadRequestError
from hopline_ui.map_view import NO_TEAMS
from hopline_ui.service import PageService, Params

_KEY: Final = re.compile(r"[\w.-]{1,128}")


def teams_of(service: PageService, key: str, params: Params) -> Mapping[str, str]:
    """Service -> the value of tag ``key`` that most of its calls in the range have; nothing without a key.

    Looked at are as many traces as a structural search looks at, the newest.
    """
    if not key:
        return NO_TEAMS
    if not _KEY.fullmatch(key):
        raise BadRequestError(f"expected the key of a tag, not {key[:60]!r}", field="by")
    table = service.query({**params, "q": f"{{{key}}} | count() by (service, {key})"})
    found: dict[str, str] = {}
    for name, value, _ in table["rows"]:  # the largest count first
        found.setdefault(name, value)
    return found
