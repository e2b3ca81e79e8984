"""The task `gpqa`: graduate-level questions (Rein et al. 2023, https://arxiv.org/abs/2311.12022).

The data is CC-BY-4.0-licensed and comes from the hub as ``Idavidrein/gpqa``, which is gated: accept its terms there
and log in (``hf auth login``) once. Its authors ask not to publish the questions: keep a run's problems and prompts
to yourself. Configurations: ``gpqa_diamond`` (198 questions, the one that is reported), ``gpqa_main`` (448),
``gpqa_extended`` (546). There is one split, ``train``.

The data names the right answer apart from the wrong ones; here the four are shuffled, each question with its own
generator made from `shuffle_seed` and the question's id, so that the order depends on neither `limit` nor `seed`. The
permutation is kept with the problem, where only oracles see it. Tested on rows made in the data's layout, not on the
gated data.
"""

import hashlib
from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field

from ttscale.tasks.contract import RecommendedVerifiers, TaskInfo
from ttscale.tasks.data_task import DataOptions, DataTask
from ttscale.tasks.multiple_choice import LETTERS, lettered
from ttscale.tasks.rows import Row, as_text
from ttscale.types import Problem

TEMPLATE = (
    "Answer this multiple-choice question. Think step by step, and finish with a line that has only "
    "'Answer: ' and the letter.\n\n{question}\n\n{options}"
)
"""The prompt; its parts are {question} and {options}."""

_ANSWERS = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")


class GpqaOptions(DataOptions):
    """Options of `gpqa`."""

    path: str = "Idavidrein/gpqa"
    """The hub id, or a CSV or Parquet file with its columns."""
    config_name: Literal["gpqa_diamond", "gpqa_main", "gpqa_extended"] = "gpqa_diamond"
    """Which set of questions; unused for a file."""
    split: str = "train"
    """The only split."""
    shuffle_seed: int = Field(default=0, ge=0)
    """Decides the order of the options."""


class GpqaTask(DataTask[GpqaOptions]):
    """GPQA: graduate-level science questions with four options."""

    Options: ClassVar[type[BaseModel]] = GpqaOptions
    about: ClassVar[TaskInfo] = TaskInfo(source="Idavidrein/gpqa (gated)", license="CC BY 4.0", problems=198)
    verifiers: ClassVar[RecommendedVerifiers] = (
        {"name": "choice", "letters": "ABCD", "extract": ["answer-is", "boxed", "last-line", "whole"]},
    )
    commit: ClassVar[str | None] = "633f5ee89ab8ad4522a9f850766b73f62147ffdd"
    columns: tuple[str, ...] = ("Question", *_ANSWERS)
    extra_columns: tuple[str, ...] = ("Record ID", "High-level domain", "Subdomain")

    def problem(self, number: int, row: Row) -> Problem:
        """Turn a row into a problem."""
        name = as_text(row.get("Record ID")) or str(number)
        order = permutation(self.options.shuffle_seed, name)
        options = [str(row[_ANSWERS[at]]).strip() for at in order]
        return Problem(
            problem_id=f"gpqa/{name}",
            prompt=self.prompt(
                TEMPLATE, {"question": str(row["Question"]).strip(), "options": lettered(options)}
            ),
            answer=LETTERS[order.index(0)],
            metadata={
                "domain": row.get("High-level domain"),
                "subdomain": row.get("Subdomain"),
                "options": options,
            },
            hidden={"permutation": order},
        )


def permutation(seed: int, name: str) -> list[int]:
    """Return the order in which a question's four answers are shown; 0 is the right one.

    >>> sorted(permutation(0, "rec1"))
    [0, 1, 2, 3]
    """
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    rng = np.random.default_rng([seed, int.from_bytes(digest, "big")])
    return [int(at) for at in rng.permutation(len(_ANSWERS))]
