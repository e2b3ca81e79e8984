"""The program of a completion, and the names that tests use."""

from typing import Any

import pytest

from ttscale.verifiers.code.program import extract_program
from ttscale.verifiers.code.suite import asserts_suite

PROMPT = "import math\n\ndef helper(x):\n    return x\n\ndef f(x):\n    '''Do it.'''\n"


@pytest.mark.parametrize(
    ("completion", "options", "program"),
    [
        ("    return 1\n", {}, PROMPT + "    return 1\n"),
        ("    return 1\n\nprint(f(1", {"stop": ["\nprint"]}, PROMPT + "    return 1\n"),
        (
            "Sure!\n```python\ndef f(x):\n    return 2\n```\nDone.",
            {},
            PROMPT.rstrip() + "\n\ndef f(x):\n    return 2\n",
        ),
        ("```\ndef f(x): pass\n```\nor\n```\nx = 1\n```", {}, PROMPT.rstrip() + "\n\ndef f(x): pass\n"),
        ("```python\ndef f(x): return 3\n", {}, PROMPT.rstrip() + "\n\ndef f(x): return 3\n"),
        ("no code here", {"extraction": "fence"}, None),
        ("x = 1", {"extraction": "whole"}, "x = 1"),
        ("```\nx\n```", {"extraction": "continuation"}, PROMPT + "```\nx\n```"),
        ("", {}, None),
        (" \n\t", {"extraction": "whole"}, None),
    ],
)
def test_programs_are_cut_out_of_completions(
    completion: str, options: dict[str, Any], program: str | None
) -> None:
    assert extract_program(completion, code_prompt=PROMPT, entry_points=["f"], **options) == program


def test_names_that_tests_use_belong_to_the_program_unless_defined() -> None:
    suite = asserts_suite(
        ["assert sum(f(1), len('a')) == math.floor(2.5)", "import re\nassert all(g(x) for x in [1]) and re"],
        setup="tree = Node(1)",
        entry_points=["sum"],
    )
    assert suite["names"] == ["Node", "f", "g", "sum"]
    assert suite["modules"] == ["math"]
