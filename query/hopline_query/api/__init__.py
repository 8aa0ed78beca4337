"""HTTP front of the query service."""

from hopline_query.api.native import create_router

__all__ = ["create_router"]
