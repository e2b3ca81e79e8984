"""Texts that grow step by step."""

from ttscale.strategies.contract import Completion, Tokens
from ttscale.strategies.stepwise import Partial, StepOptions, open_ones


def step(text: str, before: str, finish_reason: str, path: str, n: int = 2) -> Completion:
    return Completion(
        path=path,
        text=text,
        before=before,
        finish_reason=finish_reason,
        tokens=tuple(range(n)),
        completion_tokens=n,
    )


def test_a_text_grows_by_what_was_decoded_together_and_knows_where_it_came_from() -> None:
    first = Partial().grown(step("One.\n\n", "", "stop_text", "0"))
    # A token may reach beyond the text that ended a step: what stands before is told anew.
    second = first.grown(step("Two", "One.\n", "stop", "2"))
    assert (second.text, second.score) == ("One.\nTwo", None)
    assert second.pieces == (Tokens((0, 1), "0", "One.\n\n"), Tokens((0, 1), "2", "Two"))
    assert second.earlier == (Partial(), first)


def test_only_a_text_that_the_model_did_not_end_and_that_still_moves_can_grow() -> None:
    ended = Partial().grown(step("a", "", "stop", "0"))
    cut = Partial().grown(step("a", "", "length", "0"))
    stuck = Partial().grown(step("", "", "stop_text", "0", n=0))
    assert open_ones([Partial(), ended, cut, stuck]) == [0, 2]


def test_a_step_goes_on_from_all_pieces() -> None:
    options = StepOptions(verifier="v", step_tokens=8)
    text = Partial().grown(step("One.\n\n", "", "stop_text", "0"))
    ask = text.step(options, 3)
    assert (ask.prefix, ask.max_tokens, ask.stop, ask.role, ask.tokens) == (
        text.pieces,
        8,
        ("\n\n",),
        "step 3",
        True,
    )
    assert StepOptions(verifier="v", step_stop=()).needs == {"prefix", "verifier"}
    assert options.needs == {"prefix", "verifier", "stop"}
    assert text.step(StepOptions(verifier="v", step_stop=()), 0).stop is None


def test_a_finished_text_is_the_attempts_answer_with_its_notes() -> None:
    text = Partial().grown(step("a", "", "stop", "0"))
    attempt = text.finished({"log_z": -1.0})
    assert (attempt.text, attempt.last, attempt.notes) == ("a", text.last, {"log_z": -1.0})
    assert text.judged().completion is text.last
