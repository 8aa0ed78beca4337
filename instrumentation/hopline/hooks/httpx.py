"""The hook of httpx."""

import httpx

from hopline.hooks.httpx_common import Hook

_hook = Hook(httpx)

install = _hook.install
uninstall = _hook.uninstall
