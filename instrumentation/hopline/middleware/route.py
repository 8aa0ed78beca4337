"""How an application tells the middleware the route of its request."""

import re
from typing import Final

ROUTE_KEY: Final = "hopline.route"
"""Where an application names its route or its GraphQL operation: in ASGI's scope, WSGI's environ, Django's META."""

_PARAMETER: Final = re.compile(r"<(?:[^<>:]*:)?([^<>]+)>")


def braces(rule: str) -> str:
    """``/users/<int:id>`` of Flask, Quart and Django as ``/users/{id}``: one spelling for every framework."""
    return _PARAMETER.sub(r"{\1}", rule)
