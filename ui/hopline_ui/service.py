"""What the pages need of the query side: the methods of ``QueryService`` that they call."""

from collections.abc import Mapping
from typing import Any, Protocol

Answer = dict[str, Any]
"""A JSON-ready answer; the shapes stand in ``docs/api.md``."""

Params = Mapping[str, str]


class AlertSource(Protocol):
    """The alerts of a server; methods raise ``hopline_query.errors.QueryError``."""

    @property
    def configured(self) -> bool:
        """Whether there are rules at all."""

    def open(self) -> Answer:
        """What is wrong now, or was within a day."""

    def history(self, limit: int) -> Answer:
        """The last changes, newest first."""


class PageService(Protocol):
    """Synchronous, safe for many threads; raises ``hopline_query.errors.QueryError``."""

    def trace(self, trace_id: str, params: Params = ...) -> Answer:
        """One trace in the asked shape."""

    def node(self, trace_id: str, key: str, params: Params = ...) -> Answer:
        """One node with its tags and annotations."""

    def statistics(self, trace_id: str, params: Params = ...) -> Answer:
        """A trace's nodes grouped."""

    def events(self, trace_id: str, params: Params = ...) -> Answer:
        """A trace's annotations in time order."""

    def compare(self, a: str, b: str) -> Answer:
        """Two traces side by side."""

    def search(self, params: Params) -> Answer:
        """Summaries of matching traces."""

    def points(self, params: Params) -> Answer:
        """The same matches as points of time and duration."""

    def user(self, uid: str, params: Params = ...) -> Answer:
        """A user's traces."""

    def services(self, params: Params = ...) -> Answer:
        """Names of services."""

    def operations(self, params: Params) -> Answer:
        """Names of a service's operations."""

    def instances(self, params: Params) -> Answer:
        """A service's processes."""

    def envs(self, params: Params = ...) -> Answer:
        """Names of deployment environments."""

    def stats(self, params: Params = ...) -> Answer:
        """Latency figures of groups."""

    def series(self, params: Params) -> Answer:
        """Latency figures over time."""

    def heatmap(self, params: Params) -> Answer:
        """Calls by time and latency."""

    def errors(self, params: Params = ...) -> Answer:
        """Error groups."""

    def dependencies(self, params: Params = ...) -> Answer:
        """Nodes and edges of the map."""

    def causes(self, params: Params = ...) -> Answer:
        """What began the failures."""

    def differs(self, params: Params) -> Answer:
        """What sets selected calls apart."""

    def critical_path(self, params: Params) -> Answer:
        """Who decides how long calls take."""

    def worse(self, params: Params) -> Answer:
        """What changed between two times."""

    def query(self, params: Params) -> Answer:
        """A table of calls by a structural query."""

    def find(self, text: str) -> Answer:
        """What a pasted text means."""

    def freshness(self) -> Answer:
        """How far the figures go."""

    def range(self) -> Answer:
        """The widest range with data."""

    def system(self) -> Answer:
        """Collectors, processes, storage."""
