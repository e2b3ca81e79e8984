"""The far end of an `Actor`: makes the object and answers calls until whoever asks is gone."""

import asyncio
import os
import pickle
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from ttscale.execution.groups import end_group

CPUS_VARIABLE = "TTSCALE_REPLICA_CPUS"
"""The processors that a process keeps to, numbers with commas between them."""


def main() -> None:
    """Serve the object that is named first, on the connection whose descriptor is this process's argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the driver's to deal with
    connection = Connection(int(sys.argv[1]))
    if cpus := os.environ.get(CPUS_VARIABLE):
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})
    kind, arguments = pickle.loads(connection.recv_bytes())
    asyncio.run(_serve(kind(*arguments), connection))


async def _serve(served: Any, connection: Connection) -> None:
    loop = asyncio.get_running_loop()
    sending = threading.Lock()
    tasks: set[asyncio.Task[None]] = set()

    async def answer(number: int, name: str, arguments: Any) -> None:
        returned = raised = None
        try:
            returned = await getattr(served, name)(*arguments)
        except Exception as error:  # it is the caller's
            raised = error
        packed = await asyncio.to_thread(_packed, number, returned, raised)
        with sending:
            connection.send_bytes(packed)

    def take(call: Any) -> None:
        task = loop.create_task(answer(*call))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def listen() -> None:
        try:
            while True:
                loop.call_soon_threadsafe(take, pickle.loads(connection.recv_bytes()))
        except (EOFError, OSError):
            end_group(os.getpgrp(), spared=os.getpid())  # nobody asks any more
            os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    await asyncio.Event().wait()


def _packed(number: int, returned: Any, raised: Exception | None) -> bytes:
    try:
        return pickle.dumps((number, returned, raised))
    except Exception as error:  # an exception may hold anything
        told = RuntimeError(f"{type(raised or error).__name__}: {raised or error}")
        return pickle.dumps((number, None, told))


if __name__ == "__main__":
    main()
