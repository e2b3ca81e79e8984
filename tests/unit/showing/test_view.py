"""A result as people see it: text and a notebook are made of one description."""

from ttscale.showing.notebook import ShownCurve
from ttscale.showing.numbers import share
from ttscale.showing.view import View

ROWS = [{"k": 1, "percent": share(0.5, 0.4, 0.6)}]


def test_text_has_title_basis_tables_and_notes_in_this_order() -> None:
    view = View(
        title="Coverage", about="9 problems", rows=ROWS, more=[("More", [{"a": 1}])], notes=["Mind this."]
    )
    lines = str(view).splitlines()
    assert lines[0] == "Coverage: 9 problems"
    assert lines[1].split() == ["k", "percent"]
    assert lines[2].split() == ["1", "50.0", "[40.0,", "60.0]"]
    assert lines[3] == "More"
    assert lines[-1] == "Mind this."


def test_an_empty_view_is_its_title_alone() -> None:
    assert str(View(title="Nothing")) == "Nothing"
    assert View(title="Nothing").to_html() == "<div><p><strong>Nothing</strong></p></div>"


def test_a_notebook_gets_the_same_tables_and_a_chart_where_there_are_curves() -> None:
    curve = ShownCurve(label="c", k=[1, 2], value=[0.1, 0.2], low=[0, 0.1], high=[0.3, 0.4])
    html = View(title="T", about="basis", rows=ROWS, more=[("More", [{"a": 1}])], curves=[curve]).to_html()
    assert html.count("<table>") == 2
    assert html.count("<svg") == 1
    assert "50.0 [40.0, 60.0]" in html and "<small>basis</small>" in html


def test_nothing_from_outside_is_markup() -> None:
    bad = "<script>alert(1)</script>"
    html = View(title=bad, about=bad, rows=[{bad: bad}], more=[(bad, [{"a": bad}])], notes=[bad]).to_html()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 6
