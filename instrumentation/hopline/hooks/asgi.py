"""Former place of :mod:`hopline.middleware.asgi`; these names stay until 1.0."""

from hopline.middleware.asgi import TraceMiddleware, template

__all__ = ["TraceMiddleware", "template"]
