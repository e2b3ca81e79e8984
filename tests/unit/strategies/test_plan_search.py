"""Observations, plans, answers: what each is shown."""

from driven import driven

TEMPLATES = {"observe_template": "O|{seen}", "plan_template": "P|{seen}", "solve_template": "S|{plan}"}


def test_an_answer_follows_a_plan_that_saw_observations() -> None:
    attempt, asked = driven(
        "plan-search", [" even \n", "the plan", "4"], observations=1, depth=1, combine=1, **TEMPLATES
    )
    assert attempt.text == "4"
    assert [ask.prompt for ask in asked] == ["O|", "P|Observations:\n- even\n\n", "S|the plan"]
    assert [ask.parents for ask in asked] == [(), ("0",), ("1",)]
    assert [ask.role for ask in asked] == ["observation 0", "plan", "answer"]


def test_deeper_observations_are_made_of_at_most_as_many_as_are_combined() -> None:
    answers = ["a", "b", "c", "d", "e", "f", "the plan", "4"]
    for seed in range(10):
        _, asked = driven("plan-search", answers, seed=seed, observations=3, depth=2, combine=2, **TEMPLATES)
        assert [len(ask.parents) for ask in asked[:3]] == [0, 0, 0]
        assert all(1 <= len(set(ask.parents)) == len(ask.parents) <= 2 for ask in asked[3:7])
        assert all(set(ask.parents) <= {"0", "1", "2"} for ask in asked[3:6])
