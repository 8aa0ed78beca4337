"""Settings of the pages that tests share."""

from hopline_ui.settings import UiSettings

QUICK = UiSettings(refresh_s=1)
"""Live pages ask every second, so that a test sees several refreshes."""
