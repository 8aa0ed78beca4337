"""The lock under which something is made that is made once, when first asked for."""

import os
import threading
from typing import Final

making: Final = threading.RLock()
"""For what threads share and few ask for: the holder looks again whether another was first."""

# Held over a fork, so that no child begins with a lock that a thread of its parent holds for ever.
os.register_at_fork(before=making.acquire, after_in_parent=making.release, after_in_child=making.release)
