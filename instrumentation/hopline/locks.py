"""The lock under which something is made that is made once, when first asked for."""

import os
import threading
from typing import Final

creation_lock: Final = threading.RLock()
"""For what threads share and few ask for: the holder looks again whether another was first."""

# Held over a fork, so that no child begins with a lock that a thread of its parent holds for ever.
os.register_at_fork(
    before=creation_lock.acquire, after_in_parent=creation_lock.release, after_in_child=creation_lock.release
)
