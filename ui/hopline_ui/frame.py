"""What frames a page: language, theme, zone, range, and links that keep them.

The address is the page's whole state. ``from``, ``to`` and ``env`` stay on
every link; everything else belongs to one page.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from starlette.requests import Request

from hopline_query.errors import QueryError
from hopline_ui.i18n import negotiate

KEPT: Final = ("from", "to", "env", "against")
"""Parameters that every link inside the pages carries on."""

THEMES: Final = ("auto", "light", "dark")
ZONES: Final = ("utc", "local")
TOURS: Final = ("on", "off")
PRESETS: Final = ("5m", "15m", "30m", "1h", "3h", "6h", "12h", "1d", "2d", "7d")
"""Look-back presets of the range menu."""

AGAINST: Final = {"1d": 86_400_000_000, "7d": 604_800_000_000}
"""Periods that charts can be drawn against, in microseconds back."""

PROBLEM: Final = "hopline.range_problem"
ASKED: Final = "hopline.range_asked"

COOKIE_AGE: Final = 365 * 24 * 3600
SAFE_PATH: Final = "/~:@!$'()*,;="


@dataclass(frozen=True, slots=True)
class Frame:
    """One request's frame; made by :func:`frame_of`."""

    base: str
    """Path under which we are served behind a proxy, without a closing slash."""
    path: str
    """Path of this page below ``base``."""
    query: tuple[tuple[str, str], ...]
    language: str
    theme: str
    zone: str
    default_from: str
    problem: QueryError | None = None
    """What is wrong with the range that was asked for, where the page shows its default instead."""
    asked_range: tuple[str, str] = ("", "")
    """That range as it was given."""

    @property
    def params(self) -> dict[str, str]:
        """The parameters of the address; where one repeats, the last counts."""
        return dict(self.query)

    @property
    def since(self) -> str:
        """Start of the range as it stands in the address, or the page's default."""
        return self.params.get("from") or self.default_from

    @property
    def until(self) -> str:
        """End of the range as it stands in the address; empty for now."""
        until = self.params.get("to", "")
        return "" if until == "now" else until

    @property
    def env(self) -> str:
        """The deployment environment that figures are for; empty for all."""
        return self.params.get("env", "")

    @property
    def preset(self) -> str:
        """The look-back preset that is chosen, or empty for another range."""
        back = self.since.removeprefix("now-")
        return back if self.since.startswith("now-") and not self.until and back in PRESETS else ""

    @property
    def live(self) -> bool:
        """Whether the range ends now, so that a refresh brings news."""
        return not self.until and self.since.startswith("now") and self.params.get("live") != "0"

    def link(self, path: str, **params: object) -> str:
        """Address of another page, carrying range, comparison and environment on.

        A range that is this page's default goes along too: no page changes what is looked at.
        """
        shown = {"from": self.default_from, **{key: value for key, value in self.params.items() if value}}
        kept = [(key, value) for key in KEPT if (value := shown.get(key))]
        return self._address(path, [*((k, v) for k, v in kept if k not in _names(params)), *_pairs(params)])

    def plain(self, path: str, **params: object) -> str:
        """Address below the base path with no more parameters than these."""
        return self._address(path, _pairs(params))

    def here(self, **changes: object) -> str:
        """Address of this page with some parameters changed; ``None`` and ``""`` leave one out."""
        names = _names(changes)
        return self._address(self.path, [*((k, v) for k, v in self.query if v and k not in names), *_pairs(changes)])

    @property
    def against(self) -> str:
        """How far back the period lies that figures are drawn against; empty for none."""
        value = self.params.get("against", "")
        return value if value in AGAINST else ""

    @property
    def kept(self) -> list[tuple[str, str]]:
        """Parameters that a form to another page carries on."""
        return [(key, value) for key in KEPT if (value := self.params.get(key))]

    def user(self, uid: str) -> str:
        """Address of a user's page. Browsers resolve dot segments, so such ids travel as a parameter."""
        if any(part in {".", ".."} for part in uid.split("/")):
            return self.link("/users", uid=uid)
        return self.link(f"/users/{uid}")

    def same(self, path: str) -> str:
        """Another path with all of this page's parameters."""
        return self._address(path, ((key, value) for key, value in self.query if value))

    def _address(self, path: str, pairs: Iterable[tuple[str, str]]) -> str:
        query = urlencode(list(pairs), quote_via=quote, safe="/:,*~")
        return self.base + quote(path, safe=SAFE_PATH) + (f"?{query}" if query else "")


def _names(params: dict[str, object]) -> set[str]:
    return {key.rstrip("_") for key in params}


def _pairs(params: dict[str, object]) -> list[tuple[str, str]]:
    """``from_=...`` names the parameter ``from``, which is a keyword."""
    return [(key.rstrip("_"), str(value)) for key, value in params.items() if value is not None and value != ""]


def frame_of(request: Request, default_from: str) -> Frame:
    """Read address, cookies and headers of ``request``."""
    base = str(request.scope.get("root_path") or "").rstrip("/")
    path = str(request.scope["path"])
    query = tuple(request.query_params.multi_items())
    asked = request.query_params
    return Frame(
        base=base,
        path=path.removeprefix(base) or "/",
        query=tuple((key, value) for key, value in query if key != "lang"),
        language=negotiate(asked.get("lang"), request.cookies.get("hop_lang"), request.headers.get("accept-language")),
        theme=_one_of(request.cookies.get("hop_theme"), THEMES),
        zone=_one_of(request.cookies.get("hop_zone"), ZONES),
        default_from=default_from,
        problem=request.scope.get(PROBLEM),
        asked_range=request.scope.get(ASKED, ("", "")),
    )


def without_range(request: Request, problem: QueryError) -> Request:
    """The same request without its range, which was bad; the frame remembers both."""
    pairs = request.query_params.multi_items()
    asked = dict(pairs)
    kept = [(key, value) for key, value in pairs if key not in {"from", "to"}]
    scope = dict(request.scope)
    scope["query_string"] = urlencode(kept).encode("ascii")
    scope[PROBLEM] = problem
    scope[ASKED] = (asked.get("from", ""), asked.get("to", ""))
    return Request(scope)


def _one_of(value: str | None, allowed: tuple[str, ...]) -> str:
    return value if value in allowed else allowed[0]
