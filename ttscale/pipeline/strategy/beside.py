"""Another model of a strategy, in an engine beside the run's: asked at any time, answered when it is done."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from ttscale.config.models import Cell
from ttscale.errors import ConfigError
from ttscale.pipeline.replicas.chunks import Chunk
from ttscale.pipeline.replicas.stream import Draw, EngineStream
from ttscale.samplers.settings import ModelSettings
from ttscale.types import Sample, SampleRequest


class Beside:
    """Drives a second engine in a thread of its own, which a slow answer does not stall.

    Args:
        name: What the strategy calls the model.
        model: Its settings.
        cell: Whose strategy it is; the model is sampled as the cell says.
        woken: Called in that thread with every answer.

    Raises:
        TtscaleError: The engine cannot start, or serves no calls.
    """

    def __init__(self, name: str, model: ModelSettings, cell: Cell, woken: Callable[[], None]) -> None:
        self._woken = woken
        self._answered: SimpleQueue[Future[Draw]] = SimpleQueue()
        self._n_asked = 0
        self._stream = EngineStream()
        try:
            running = self._stream.start(_cell_of(name, model, cell)).result()
            if "calls" not in getattr(running.sampler, "serves", ()):
                raise ConfigError(
                    f"{cell.name}: strategy.{name} has engine '{running.info.engine}', which draws whole samples only. Use engine: "
                    "vllm, transformers or openai."
                )
        except BaseException:
            self.close()
            raise

    @property
    def is_busy(self) -> bool:
        """Whether answers are to come."""
        return self._n_asked > 0

    def ask(self, request: SampleRequest) -> None:
        """Ask for calls."""
        self._n_asked += 1
        self._stream.draw(Chunk((request,))).add_done_callback(self._take)

    def answers(self) -> Iterator[Sample]:
        """Yield what is answered by now.

        Raises:
            SamplerError: The engine failed.
        """
        while True:
            try:
                draw = self._answered.get_nowait().result()
            except Empty:
                return
            self._n_asked -= 1
            yield from draw.samples
            if draw.error is not None:
                raise draw.error

    def close(self) -> None:
        """Free the engine."""
        self._stream.close()

    def _take(self, answer: "Future[Draw]") -> None:
        self._answered.put(answer)
        self._woken()


def _cell_of(name: str, model: ModelSettings, cell: Cell) -> Cell:
    """Return the cell that the engine is started for; two vLLM engines in one process would disturb each other."""
    if model.engine in ("auto", "vllm"):
        model = model.model_copy(update={"engine_options": {"own_process": True, **model.engine_options}})
    return cell.model_copy(
        update={"name": f"{cell.name} {name}", "model": model, "strategy": None, "verifiers": ()}
    )
