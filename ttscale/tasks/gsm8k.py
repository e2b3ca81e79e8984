"""The task `gsm8k`: grade-school word problems (Cobbe et al. 2021, https://arxiv.org/abs/2110.14168).

The data is MIT-licensed and comes from the hub as ``openai/gsm8k``; the tests read a local copy of it.
"""

from typing import ClassVar, Literal

from pydantic import BaseModel, Field

from ttscale.errors import TaskError
from ttscale.tasks.contract import RecommendedVerifiers, TaskInfo
from ttscale.tasks.data_task import DataOptions, DataTask
from ttscale.tasks.rows import Row
from ttscale.types import Problem

INSTRUCTION = (
    "Solve this math problem step by step. Finish with a line that has only #### and the final number.\n\n"
)
"""Put before the question in the `chat` style."""

WORKED_EXAMPLES = (
    (
        "A baker fills 6 trays with 12 rolls each. By noon 50 rolls are sold. How many rolls are left?",
        "There are 6 * 12 = 72 rolls. After the sale 72 - 50 = 22 rolls are left.",
        "22",
    ),
    (
        "Nora reads 15 pages on Monday and twice as many on Tuesday. Her book has 80 pages. "
        "How many pages remain?",
        "On Tuesday she reads 2 * 15 = 30 pages. Together that is 15 + 30 = 45 pages. So 80 - 45 = 35 remain.",
        "35",
    ),
    (
        "A notebook costs $3 and a pen costs $1.50. Tom buys 4 notebooks and 6 pens. How much does he pay?",
        "The notebooks cost 4 * 3 = $12. The pens cost 6 * 1.50 = $9. He pays 12 + 9 = $21.",
        "21",
    ),
    (
        "A train travels 60 kilometers an hour for 2.5 hours, then 40 kilometers an hour for 1.5 hours. "
        "How many kilometers does it travel?",
        "The first part is 60 * 2.5 = 150 kilometers. The second part is 40 * 1.5 = 60 kilometers. "
        "Together that is 150 + 60 = 210.",
        "210",
    ),
    (
        "In a class of 28 students, a quarter walk to school and 9 ride a bicycle. The others take the bus. "
        "How many take the bus?",
        "28 / 4 = 7 students walk. 7 + 9 = 16 students walk or ride. So 28 - 16 = 12 take the bus.",
        "12",
    ),
    (
        "A jacket of $80 is reduced by 25%. Maria also has a coupon for $10. What does she pay in dollars?",
        "The reduction is 80 * 25 / 100 = $20, so the price is 80 - 20 = $60. With the coupon it is 60 - 10 = $50.",
        "50",
    ),
    (
        "Ali is 4 years older than Ben. Ben is half as old as Carla, who is 18. How old is Ali?",
        "Ben is 18 / 2 = 9. Ali is 9 + 4 = 13.",
        "13",
    ),
    (
        "A tank holds 300 liters. A pump fills 12 liters a minute while 2 liters a minute leak out. "
        "How many minutes does it take to fill the empty tank?",
        "Each minute the tank gains 12 - 2 = 10 liters. So it takes 300 / 10 = 30 minutes.",
        "30",
    ),
)
"""(question, reasoning, answer) of the `few-shot` style, written for this project; none is from the data set."""

_KEY_MARK = "####"


class Gsm8kOptions(DataOptions):
    """Options of `gsm8k`."""

    path: str = "openai/gsm8k"
    """A hub id, or a local file with the columns `question` and `answer`."""
    config_name: str | None = "main"
    """The hub data set's configuration."""
    split: str = "test"
    """The split; part of the problem ids."""
    style: Literal["chat", "few-shot"] = "chat"
    """"chat": an instruction before the question. "few-shot": worked examples before it, for base models;
    use it with ``sampling.stop: ["Question:"]`` and ``model.chat_template: false``."""
    shots: int = Field(default=4, ge=0, le=len(WORKED_EXAMPLES))
    """Worked examples of the few-shot style."""


class Gsm8kTask(DataTask[Gsm8kOptions]):
    """GSM8K: grade-school word problems with a final number."""

    Options: ClassVar[type[BaseModel]] = Gsm8kOptions
    about: ClassVar[TaskInfo] = TaskInfo(source="openai/gsm8k", license="MIT", problems=1319)
    verifiers: ClassVar[RecommendedVerifiers] = ("numeric",)
    commit: ClassVar[str | None] = "cc7b047b6e5bb11b4f1af84efc572db110a51b3c"
    columns: tuple[str, ...] = ("question", "answer")

    def problem(self, number: int, row: Row) -> Problem:
        """Turn a row into a problem."""
        return Problem(
            problem_id=f"gsm8k/{self.options.split}/{number}",
            prompt=self.prompt(self._default_template(), {"question": str(row["question"])}),
            answer=_key(str(row["answer"]), self.where(number)),
        )

    def _default_template(self) -> str:
        if self.options.style == "chat":
            return INSTRUCTION + "{question}"
        shots = WORKED_EXAMPLES[: self.options.shots]
        examples = "".join(
            f"Question: {question}\nAnswer: {reasoning}\n#### {answer}\n\n"
            for question, reasoning, answer in shots
        )
        return f"{examples}Question: {{question}}\nAnswer:"


def _key(solution: str, where: str) -> str:
    """Return the number after the last ``####``, without thousands separators."""
    _, mark, number = solution.rpartition(_KEY_MARK)
    key = number.strip().replace(",", "")
    if not mark or not key:
        raise TaskError(
            f"{where} has no final number after '{_KEY_MARK}' in its answer. For another format use task 'table'."
        )
    return key
