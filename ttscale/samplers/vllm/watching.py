"""Notice that a vLLM engine process died.

vLLM's synchronous client waits for outputs without looking whether anybody is left to send them: when the engine process
is killed (by the kernel's out-of-memory killer, say), `LLMEngine.step` waits for ever. Its own monitor does notice,
so its word is passed on to the queue that `step` waits at.
"""

import threading
import time
import weakref
from typing import Any

_EVERY_S = 0.5


def watch_engine(engine: Any) -> None:
    """Make `engine.step()` raise when the engine's process dies; nothing to do for one in this process."""
    client = engine.engine_core
    resources, outputs = getattr(client, "resources", None), getattr(client, "outputs_queue", None)
    if resources is None or outputs is None:
        return
    watched = weakref.ref(client)

    def watch() -> None:
        while watched() is not None:
            if resources.engine_dead:
                outputs.put_nowait(RuntimeError("the engine process is gone"))
                return
            time.sleep(_EVERY_S)

    threading.Thread(target=watch, daemon=True, name="ttscale-engine-watch").start()
