"""Functions that worker processes of the tests run: good ones and all the bad ones."""

import os
import time
from collections.abc import Callable
from typing import Any


def obey(**options: Any) -> Callable[[Any], Any]:
    def run(job: Any) -> Any:
        match job:
            case ["hang in C"]:
                return 9 ** (9**9)
            case ["hang in Python"]:
                while True:
                    time.sleep(1000)
            case ["compute", seconds]:
                end = time.process_time() + seconds
                while time.process_time() < end:
                    pass
            case ["eat memory"]:
                return len(bytearray(1 << 40))
            case ["raise"]:
                raise ValueError("as told")
            case ["die", number]:
                os.kill(os.getpid(), number)
            case ["exit"]:
                os._exit(7)
            case ["print"]:
                print("noise on standard output")
            case ["pid"]:
                return os.getpid()
            case ["options"]:
                return options
        return job

    return run


def broken(**_: Any) -> Callable[[Any], Any]:
    raise ImportError("no module named nothing")
