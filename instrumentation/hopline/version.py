"""The version of this package: rows say which library made them."""

__version__ = "0.1.0"
