"""requests: its connections are urllib3's, so that a retry and a redirect each get a row of their own."""

from hopline.hooks import urllib3


def install() -> None:
    """Patch urllib3's connection pool; further calls change nothing."""
    urllib3.install("requests")


def uninstall() -> None:
    """Put the originals back, unless the urllib3 hook needs them."""
    urllib3.uninstall("requests")
