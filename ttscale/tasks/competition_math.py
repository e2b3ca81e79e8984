r"""The tasks `math`, `math-500`, `aime` and `amc`: competition problems with a short final answer.

=========  ==========================================================================  ======================
task       data                                                                        licence
=========  ==========================================================================  ======================
math       Hendrycks et al. 2021 (https://arxiv.org/abs/2103.03874), test split, from  MIT
           the hub as ``EleutherAI/hendrycks_math``
math-500   the 500 test problems of Lightman et al. 2023                               MIT (prm800k)
           (https://arxiv.org/abs/2305.20050), as ``HuggingFaceH4/MATH-500``
aime       American Invitational Mathematics Examination of a year: 2024               the problems are the
           ``HuggingFaceH4/aime_2024``, 2025 and 2026 ``math-ai/aime25``, ``aime26``   MAA's; cards Apache-2.0
amc        40 problems of AMC 12 2022-2023 with numeric answers, ``math-ai/amc23``     as AIME
=========  ==========================================================================  ======================

The prompt asks for steps and for the final answer in ``\boxed{}``, as is usual for these benchmarks; `template` takes
any other. For base models `math` and `math-500` also have worked examples, written for this project. `math-500`, `aime`
(2024) and `amc` are tested on local copies of the data; the hub itself is not reached by the tests.
"""

from typing import Any, ClassVar, Literal, get_args

from pydantic import BaseModel, Field

from ttscale.errors import TaskError
from ttscale.tasks.contract import RecommendedVerifiers, TaskInfo
from ttscale.tasks.data_task import DataOptions, DataTask, OptionsT
from ttscale.tasks.rows import Row, as_text
from ttscale.types import Problem

TEMPLATE = "Solve this problem step by step, and put the final answer in \\boxed{}.\n\n{question}"
"""The prompt; its part is {question}."""

WORKED_EXAMPLES = (
    (
        "What is the last digit of $7^5$?",
        "$7^2 = 49$ ends in $9$, and $7^4 = (7^2)^2$ ends in the last digit of $9 \\cdot 9 = 81$, which is $1$. So $7^5 = "
        "7^4 \\cdot 7$ ends in $7$.",
        "7",
    ),
    (
        "Two fair dice are thrown. What is the probability that the sum is $9$? Give a fraction in lowest terms.",
        "There are $6 \\cdot 6 = 36$ outcomes. The sum is $9$ for $3+6$, $4+5$, $5+4$ and $6+3$: $4$ outcomes. The "
        "probability is $\\frac{4}{36} = \\frac{1}{9}$.",
        "\\frac{1}{9}",
    ),
    (
        "Find the larger root of $x^2 - 4x + 1 = 0$.",
        "Completing the square gives $(x - 2)^2 = 3$, so $x = 2 \\pm \\sqrt{3}$. The larger root is $2 + \\sqrt{3}$.",
        "2 + \\sqrt{3}",
    ),
    (
        "The legs of a right triangle are $5$ and $12$. What is the radius of its inscribed circle?",
        "The hypotenuse is $\\sqrt{25 + 144} = 13$. The area is $\\frac{5 \\cdot 12}{2} = 30$ and half the perimeter is "
        "$\\frac{5 + 12 + 13}{2} = 15$. The radius is their ratio, $\\frac{30}{15} = 2$.",
        "2",
    ),
)
"""(problem, reasoning, answer) of the `few-shot` style, written for this project; none is from a data set."""

Subject = Literal[
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
]
SUBJECTS: tuple[Subject, ...] = get_args(Subject)
"""The configurations of MATH."""

_NUMERIC: RecommendedVerifiers = (
    {"name": "numeric", "extract": ["boxed", "hash", "answer-is", "last-number"]},
)


class ShotsOptions(DataOptions):
    """Options of the tasks that base models can be asked, too."""

    style: Literal["chat", "few-shot"] = "chat"
    """"chat": an instruction before the problem. "few-shot": worked examples before it, for base models; use it with
    ``sampling.stop: ["Problem:"]`` and ``model.chat_template: false``."""
    shots: int = Field(default=4, ge=0, le=len(WORKED_EXAMPLES))
    """Worked examples of the few-shot style."""


def few_shot_template(shots: int) -> str:
    """Return a prompt's template with worked examples; their braces are doubled, as templates want plain ones."""
    examples = "".join(
        f"Problem: {problem}\nSolution: {reasoning} The final answer is $\\boxed{{{answer}}}$.\n\n"
        for problem, reasoning, answer in WORKED_EXAMPLES[:shots]
    )
    plain = examples.replace("{", "{{").replace("}", "}}")
    return f"{plain}Problem: {{question}}\nSolution:"


class _BoxedTask(DataTask[OptionsT]):
    """A question and a key."""

    _question: ClassVar[str] = "problem"
    _metadata: ClassVar[tuple[str, ...]] = ()

    def problem(self, number: int, row: Row) -> Problem:
        """Turn a row into a problem."""
        return Problem(
            problem_id=self.identify(number, row),
            prompt=self.prompt(self.default_template(), {"question": str(row[self._question]).strip()}),
            answer=self.key(number, row),
            metadata={name: row[name] for name in self._metadata if row.get(name) is not None},
        )

    def default_template(self) -> str:
        """Return the task's own prompt."""
        options: DataOptions = self.options
        if isinstance(options, ShotsOptions) and options.style == "few-shot":
            return few_shot_template(options.shots)
        return TEMPLATE

    def identify(self, number: int, row: Row) -> str:
        """Name a problem."""
        raise NotImplementedError

    def key(self, number: int, row: Row) -> str:
        """Return the answer key."""
        key = as_text(row["answer"])
        if not key:
            raise TaskError(f"{self.where(number)} has no answer. Correct or remove it.")
        return key


class MathOptions(ShotsOptions):
    """Options of `math`."""

    path: str = "EleutherAI/hendrycks_math"
    subjects: tuple[Subject, ...] = SUBJECTS
    """Which of the seven subjects; each is a configuration of the hub's data set. Unused for a file."""


class MathTask(_BoxedTask[MathOptions]):
    """MATH: 5,000 competition problems in seven subjects and five levels."""

    Options: ClassVar[type[BaseModel]] = MathOptions
    about: ClassVar[TaskInfo] = TaskInfo(source="EleutherAI/hendrycks_math", license="MIT", problems=5000)
    verifiers: ClassVar[RecommendedVerifiers] = ("math",)
    commit: ClassVar[str | None] = "21a5633873b6a120296cce3e2df9d5550074f4a3"
    columns: tuple[str, ...] = ("problem", "solution")
    extra_columns: tuple[str, ...] = ("level", "type", "subject", "unique_id")
    _metadata: ClassVar[tuple[str, ...]] = ("level", "type", "subject")

    def read(self) -> list[Row]:
        """Read every subject of the hub's data set, or the one file that was given."""
        options = self.options
        if options.config_name is not None or options.path != MathOptions().path:
            return [row | {"_id": f"{options.split}/{n}"} for n, row in enumerate(super().read())]
        return [
            row | {"_id": f"{options.split}/{subject}/{n}"}
            for subject in options.subjects
            for n, row in enumerate(self._read(subject))
        ]

    def identify(self, number: int, row: Row) -> str:
        """Name a problem by subject and row."""
        return f"math/{row['_id']}"

    def key(self, number: int, row: Row) -> str:
        r"""Return what stands in the last ``\boxed{}`` of the reference solution."""
        key = last_boxed(str(row["solution"]))
        if not key:
            raise TaskError(f"{self.where(number)} has no \\boxed{{}} in its solution. Correct or remove it.")
        return key


class Math500Options(ShotsOptions):
    """Options of `math-500`."""

    path: str = "HuggingFaceH4/MATH-500"


class Math500Task(_BoxedTask[Math500Options]):
    """MATH-500: the 500 problems of MATH that are most often reported."""

    Options: ClassVar[type[BaseModel]] = Math500Options
    about: ClassVar[TaskInfo] = TaskInfo(source="HuggingFaceH4/MATH-500", license="MIT", problems=500)
    verifiers: ClassVar[RecommendedVerifiers] = ("math",)
    commit: ClassVar[str | None] = "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be"
    columns: tuple[str, ...] = ("problem", "answer")
    extra_columns: tuple[str, ...] = ("subject", "level", "unique_id")
    _metadata: ClassVar[tuple[str, ...]] = ("subject", "level")

    def identify(self, number: int, row: Row) -> str:
        """Name a problem as the data set does."""
        return f"math-500/{as_text(row.get('unique_id')) or number}"


_AIME = {
    2024: ("HuggingFaceH4/aime_2024", "2fe88a2f1091d5048c0f36abc874fb997b3dd99a", "train"),
    2025: ("hf://datasets/math-ai/aime25@563bb8404243c5f09de6ec262f2db674fe5bce9b/test.jsonl", None, ""),
    2026: ("hf://datasets/math-ai/aime26@79037aebdb6580008fb960d17cb21fd3099083e3/aime2026.jsonl", None, ""),
}
"""Year -> (path, commit, split)."""


class AimeOptions(DataOptions):
    """Options of `aime`."""

    path: str = ""
    """A file with the columns `problem` and `answer`; empty: the year's data set."""
    year: Literal[2024, 2025, 2026] = 2024
    """Both papers of the year: 30 problems. Part of the problem ids."""


class AimeTask(_BoxedTask[AimeOptions]):
    """AIME: the 30 problems of a year, with answers from 0 to 999."""

    Options: ClassVar[type[BaseModel]] = AimeOptions
    about: ClassVar[TaskInfo] = TaskInfo(
        source="HuggingFaceH4/aime_2024, math-ai/aime25, math-ai/aime26",
        license="problems: MAA; cards: Apache-2.0",
        problems=30,
    )
    verifiers: ClassVar[RecommendedVerifiers] = _NUMERIC
    columns: tuple[str, ...] = ("problem", "answer")
    extra_columns: tuple[str, ...] = ("id",)

    def __init__(self, options: AimeOptions) -> None:
        if not options.path:
            path, commit, split = _AIME[options.year]
            own = {"path": path, "revision": options.revision or commit, "split": split}
            options = options.model_copy(update=own)
        super().__init__(options)

    def identify(self, number: int, row: Row) -> str:
        """Name a problem by year and number."""
        return f"aime-{self.options.year}/{as_text(row.get('id')) or number}"


class AmcOptions(DataOptions):
    """Options of `amc`."""

    path: str = "math-ai/amc23"


class AmcTask(_BoxedTask[AmcOptions]):
    """AMC 12: 40 problems of 2022 and 2023, without their choices, with numeric answers."""

    Options: ClassVar[type[BaseModel]] = AmcOptions
    about: ClassVar[TaskInfo] = TaskInfo(
        source="math-ai/amc23", license="problems: MAA; card: Apache-2.0", problems=40
    )
    verifiers: ClassVar[RecommendedVerifiers] = _NUMERIC
    commit: ClassVar[str | None] = "80815d37005feb82cd7f8fbc6901d5d3eff43057"
    columns: tuple[str, ...] = ("question", "answer")
    extra_columns: tuple[str, ...] = ("id",)
    _question: ClassVar[str] = "question"

    def identify(self, number: int, row: Row) -> str:
        """Name a problem as the data set does."""
        return f"amc/{as_text(row.get('id')) or number}"

    def key(self, number: int, row: Row) -> str:
        """Return the key, whole numbers without the ".0" that they have in the data."""
        answer: Any = row["answer"]
        return (
            str(int(answer))
            if isinstance(answer, float) and answer.is_integer()
            else super().key(number, row)
        )


def last_boxed(solution: str) -> str | None:
    r"""Return the content of the last ``\boxed{...}`` of a reference solution, braces nested to any depth.

    >>> last_boxed(r"It is \boxed{\frac{3}{4}}."), last_boxed(r"So \boxed 7$."), last_boxed("none")
    ('\\frac{3}{4}', '7', None)
    """
    _, mark, rest = solution.replace("\\fbox", "\\boxed").rpartition("\\boxed")
    rest = rest.lstrip()
    if not mark or not rest:
        return None
    if not rest.startswith("{"):
        return rest.split("$")[0].split()[0]
    depth = 0
    for at, character in enumerate(rest):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return rest[1:at]
    return None
