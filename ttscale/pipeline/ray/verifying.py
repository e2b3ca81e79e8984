"""Verification as Ray tasks: batches are cut into parts, and every part is verified wherever there is room.

Only the verifying is spread. Which samples lack a verdict, which candidates are equal and what is stored is decided
by the driver, as in a run on one machine; so equal candidates are verified once however many machines take part.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any, ClassVar

from pydantic import BaseModel

from ttscale.config.models import PluginSettings
from ttscale.errors import MissingExtraError, VerifierError
from ttscale.pipeline.building import NamedVerifier, build_verifier
from ttscale.pipeline.ray.cluster import Cluster
from ttscale.pipeline.replicas.places import cause_of
from ttscale.pipeline.replicas.search_path import extend_search_path, search_path
from ttscale.pipeline.verifying import verify_batch
from ttscale.samplers.messages import one_line
from ttscale.types import Verdict
from ttscale.verifiers.contract import Candidate, Verifier
from ttscale.verifiers.isolation import BatchFailed

_PARTS_PER_TASK = 4
"""Parts of a batch for every task that fits: one that is slow holds the others up less."""
_BATCH_PER_TASK = 256
"""Candidates of a batch for every task that fits, so that sending them is a small part of the work."""


class ClusterVerifier:
    """Stands in for a verifier and has its batches verified on the cluster.

    Args:
        verifier: What is declared of it is declared here.
        settings: Builds the same one in a worker.
        connect: Gives the cluster; called when there is something to verify.
    """

    Options: ClassVar[type[BaseModel]] = BaseModel

    def __init__(self, verifier: Verifier, settings: PluginSettings, connect: Callable[[], Cluster]) -> None:
        self.version = verifier.version
        self.sees_answer = verifier.sees_answer
        self.deterministic = verifier.deterministic
        self.by_problem = bool(getattr(verifier, "by_problem", False))
        self.reads_top_logprobs = bool(getattr(verifier, "reads_top_logprobs", False))
        self._smallest = int(getattr(verifier, "min_batch", 1))
        self._settings = settings.model_dump_json()
        self._connect = connect
        self._search_path = search_path()

    @cached_property
    def _cluster(self) -> Cluster:
        return self._connect()

    @cached_property
    def _n_tasks(self) -> int:
        return self._cluster.n_verifying()

    @property
    def min_batch(self) -> int:
        """Candidates that keep the cluster busy."""
        return max(self._smallest, _BATCH_PER_TASK) * self._n_tasks

    def verify(self, batch: Sequence[Candidate]) -> list[Verdict]:
        """Verify a batch in parts, all at the same time.

        Raises:
            VerifierError: The verifier cannot run at all.
            BatchFailed: A part's worker died, again and again.
        """
        size = max(self._smallest, -(-len(batch) // (_PARTS_PER_TASK * self._n_tasks)))
        parts = _parts(batch, size, whole_problems=self.by_problem)
        task = self._cluster.ray.remote(verify_part).options(**self._cluster.verifying_options())
        calls = [task.remote(self._settings, self._search_path, part) for part in parts]
        return [verdict for call in calls for verdict in self._answer(call)]

    def _answer(self, call: Any) -> list[Verdict]:
        try:
            verdicts: list[Verdict] = self._cluster.ray.get(call)
        except Exception as error:
            cause = cause_of(error)
            if isinstance(cause, VerifierError | MissingExtraError):
                raise cause from None
            raise BatchFailed(f"A worker on the cluster failed: {one_line(cause)}") from error
        return verdicts


def _parts(batch: Sequence[Candidate], size: int, *, whole_problems: bool) -> Iterator[Sequence[Candidate]]:
    """Cut a batch into parts of at least `size`; candidates of a problem stay together where they must."""
    start = 0
    for stop in range(1, len(batch) + 1):
        at_end = stop == len(batch)
        problem_ends = at_end or batch[stop].problem.problem_id != batch[stop - 1].problem.problem_id
        if at_end or (stop - start >= size and (problem_ends or not whole_problems)):
            yield batch[start:stop]
            start = stop


def verify_part(settings: str, folders: Sequence[str], part: Sequence[Candidate]) -> list[Verdict]:
    """Verify some candidates in a worker, which keeps the verifier for the next ones."""
    extend_search_path(folders)
    return verify_batch(_verifier(settings).verifier, part)


@lru_cache(maxsize=4)
def _verifier(settings: str) -> NamedVerifier:
    return build_verifier(PluginSettings.model_validate_json(settings))
