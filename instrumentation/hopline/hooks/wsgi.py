"""Former place of :mod:`hopline.middleware.wsgi`; these names stay until 1.0."""

from hopline.middleware.route import ROUTE_KEY
from hopline.middleware.wsgi import TraceMiddleware, template

__all__ = ["ROUTE_KEY", "TraceMiddleware", "template"]
