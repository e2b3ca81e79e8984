"""A sampler that leaves about what real engines do: a process of its own, shared memory, files in the temporary folder."""

import multiprocessing
import tempfile
import time
from multiprocessing.shared_memory import SharedMemory

from scripted import ScriptedSampler

from ttscale.execution.engine_folder import EngineFolder
from ttscale.samplers.contract import EngineInfo


def _live_on() -> None:
    memory = SharedMemory(create=True, size=4096)
    while memory.size:
        time.sleep(600)


class LitteringSampler(ScriptedSampler):
    """Scripted, and starts all that in a folder of its own, as the vLLM sampler does."""

    def start(self) -> EngineInfo:
        self._folder, self._memory = EngineFolder(), SharedMemory(create=True, size=4096)
        with self._folder.used():
            tempfile.mkstemp()
            self._process = multiprocessing.get_context("spawn").Process(target=_live_on)
            self._process.start()
        return super().start()

    def close(self) -> None:
        self._process.kill()
        self._memory.close()
        self._memory.unlink()
        self._folder.close()
