"""Terms of the page: each is explained where it first stands, and nothing from outside becomes markup."""

from ttscale.report.terms import TERMS, explained
from ttscale.showing.numbers import said, share


def test_a_term_is_explained_once_where_it_first_stands() -> None:
    html = str(explained("The oracle is an oracle, and coverage is no oracle."))
    assert html.count("<dfn") == 2
    assert html.index("oracle</dfn>") < html.index("coverage</dfn>")
    assert TERMS["coverage"].split(".")[0] in html


def test_the_longer_of_two_terms_is_meant() -> None:
    html = str(explained("an interval over problems"))
    assert ">interval over problems</dfn>" in html


def test_words_that_only_contain_a_term_are_left_alone() -> None:
    assert str(explained("oracles and subsamples")) == "oracles and subsamples"


def test_estimates_keep_their_own_marks_and_all_else_is_escaped() -> None:
    html = str(explained(said("It solves {} of <b>{}</b>.", share(0.5, 0.4, 0.6, sign="%"), "<script>")))
    assert "<strong>50.0%</strong>" in html
    assert "&lt;b&gt;&lt;script&gt;&lt;/b&gt;" in html
    assert "<script" not in html
