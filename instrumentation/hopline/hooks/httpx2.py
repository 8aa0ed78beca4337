"""The hook of httpx2."""

import httpx2

from hopline.hooks.httpx_common import Hook

_hook = Hook(httpx2)

install = _hook.install
uninstall = _hook.uninstall
