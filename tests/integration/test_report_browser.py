"""The report in a real browser: it draws, it answers, and nothing a model wrote runs.

Needs a Chromium and its driver on the path, and the selenium package; skipped where one is missing.
"""

import dataclasses
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from report_results import make_result
from stored_runs import draw, make_run

from ttscale.analysis.budget.runs import RunsBudget, TaskBudget, price_runs
from ttscale.analysis.run.analyze import analyze_run
from ttscale.analysis.run.results import RunResult, UnmeasuredCell
from ttscale.report import write_report
from ttscale.report.live import LiveReport
from ttscale.report.serving import make_server
from ttscale.report.visible import visible_text
from ttscale.store.run import RunStore

selenium = pytest.importorskip("selenium", reason="the selenium package is not installed")

from selenium import webdriver  # noqa: E402 (after the check that it is there)
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.remote.webelement import WebElement  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path"),
    pytest.mark.skipif(DRIVER is None, reason="no chromedriver on the path"),
]

ATTACKS = (
    "<script>window.owned=1</script>",
    "</script><script>window.owned=1</script>",
    "</SCRIPT\n><script>window.owned=1</script>",
    "<!--<script>window.owned=1</script>-->",
    "<img src=x onerror=window.owned=1>",
    "<svg/onload=window.owned=1>",
    "<svg><script>window.owned=1</script></svg>",
    '"><iframe srcdoc="<script>parent.owned=1</script>"></iframe>',
    "' onmouseover='window.owned=1' autofocus onfocus='window.owned=1",
    "<a href='javascript:window.owned=1' id=lure>click</a>",
    "<details open ontoggle=window.owned=1>",
    "<style>body{display:none}</style><link rel=stylesheet href=data:text/css,*{display:none}>",
    "<base href='https://example.invalid/'><meta http-equiv=refresh content='0;url=javascript:window.owned=1'>",
    "<form action=javascript:window.owned=1><input name=getElementById autofocus onfocus=window.owned=1></form>",
    "</title></textarea></noscript></pre></td></table><script>window.owned=1</script>",
    "<object data='data:text/html,<script>parent.owned=1</script>'></object><embed src=javascript:window.owned=1>",
    "{{ self.__init__.__globals__ }}{% for x in y %}${window.owned=1}`${window.owned=1}`",
    "\\u003cscript\\u003ewindow.owned=1\\u003c/script\\u003e",
    "line\u2028window.owned=1\u2029//",
    "<scr\x00ipt>window.owned=1</scr\x00ipt>",
    "\u202eesrever\u202c \x1b]8;;http://example.invalid\x07link\x1b[2J",
    "__proto__",
    "]]></script><x:script xmlns:x='http://www.w3.org/1999/xhtml'>window.owned=1</x:script>",
)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., webdriver.Chrome]]:
    """Start browsers that reach nothing and keep nothing."""
    browsers = []

    def start_browser(*, scripts: bool = True) -> webdriver.Chrome:
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for switch in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "disable-sync"):
            options.add_argument(f"--{switch}")
        for switch in ("disable-background-networking", "disable-component-update", "window-size=1200,1400"):
            options.add_argument(f"--{switch}")
        options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if not scripts:
            blocked = {"profile.managed_default_content_settings.javascript": 2}
            options.add_experimental_option("prefs", blocked)
        browser = webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))
        browsers.append(browser)
        return browser

    yield start_browser
    for browser in browsers:
        browser.quit()


@pytest.fixture(scope="module")
def browser(start: Callable[..., webdriver.Chrome]) -> webdriver.Chrome:
    return start()


@pytest.fixture(scope="module")
def page_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(make_result(), tmp_path_factory.mktemp("report")).page.as_uri()


@pytest.fixture
def page(browser: webdriver.Chrome, page_url: str) -> Iterator[webdriver.Chrome]:
    """Open the report of 128 problems x 1,000 samples afresh; no test may leave an error in the console."""
    browser.get(page_url)
    yield browser
    assert complaints(browser) == []


def complaints(browser: webdriver.Chrome) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]


def one(browser: webdriver.Chrome | WebElement, selector: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, selector)


def several(browser: webdriver.Chrome | WebElement, selector: str) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, selector)


def column(browser: webdriver.Chrome, number: int) -> list[str]:
    script = (
        "return Array.from(document.querySelectorAll('.sortable > tbody > tr:not(.detail)'))"
        ".filter(row => !row.hidden).map(row => row.cells[arguments[0]].textContent.trim())"
    )
    cells: list[str] = browser.execute_script(script, number)
    return cells


def press(browser: webdriver.Chrome, element: WebElement) -> None:
    browser.execute_script("arguments[0].scrollIntoView({behavior: 'instant', block: 'center'})", element)
    element.click()


# ------------------------------------------------------------ it draws


def test_both_charts_are_drawn_and_replace_the_static_figures(page: webdriver.Chrome) -> None:
    curves, rates = several(page, ".chart")
    assert len(several(curves, "svg.plot .line:not(.law)")) == 5
    assert len(several(curves, "svg.plot .line.law")) == 1
    assert len(several(rates, "svg.plot .column")) >= 9
    assert not any(image.is_displayed() for image in several(page, "img.static"))


def test_every_section_of_the_navigation_exists(page: webdriver.Chrome) -> None:
    targets = [link.get_attribute("href").partition("#")[2] for link in several(page, "nav a")]
    assert len(targets) >= 6
    assert all(page.find_elements(By.ID, target) for target in targets)


def test_curves_lie_where_their_numbers_say(page: webdriver.Chrome) -> None:
    data = json.loads(one(page, "#cell-0-curves-chart-data").get_attribute("textContent"))
    path = one(page, "#cell-0-curves-chart g.c0:not(:has(.law)) .line").get_attribute("d")
    points = [tuple(map(float, point.split())) for point in path[1:].split("L")]
    coverage = data["lines"][0]
    ticks = {
        text.text: float(text.get_attribute("y")) - 4
        for text in several(page, "#cell-0-curves-chart svg.plot text")
        if text.text.endswith("%")
    }
    bottom, top = ticks["0%"], ticks["100%"]
    for (_, y), value in zip(points, coverage["value"], strict=True):
        assert y == pytest.approx(bottom + value * (top - bottom), abs=0.1)


# ------------------------------------------------------------ it answers


def test_pointing_at_a_budget_shows_every_curve_there(page: webdriver.Chrome) -> None:
    plot = one(page, "#cell-0-curves-chart svg.plot")
    tip = one(page, "#cell-0-curves-chart .tip")
    assert not tip.is_displayed()
    page.execute_script("arguments[0].scrollIntoView({behavior: 'instant', block: 'center'})", plot)
    ActionChains(page).move_to_element(plot).perform()
    assert tip.is_displayed()
    assert tip.text.startswith("k = ")
    assert "coverage" in tip.text
    assert len(several(tip, "tr")) == 6
    top, height = tip.rect["y"], plot.rect["height"]
    assert plot.rect["y"] <= top <= plot.rect["y"] + height


def test_arrow_keys_walk_along_the_budgets_and_speak(page: webdriver.Chrome) -> None:
    plot = one(page, "#cell-0-curves-chart svg.plot")
    page.execute_script("arguments[0].focus()", plot)
    ActionChains(page).send_keys(Keys.ARROW_RIGHT).perform()
    spoken = one(page, "#cell-0-curves-chart [role=status]")
    first = spoken.get_attribute("textContent")
    ActionChains(page).send_keys(Keys.ARROW_RIGHT).perform()
    assert first.startswith("k = 1,")
    assert spoken.get_attribute("textContent").startswith("k = 2,")
    ActionChains(page).send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_LEFT).perform()
    assert spoken.get_attribute("textContent") == first
    ActionChains(page).send_keys(Keys.ESCAPE).perform()
    assert not one(page, "#cell-0-curves-chart .tip").is_displayed()


def test_a_legend_button_hides_and_shows_its_curve(page: webdriver.Chrome) -> None:
    key = one(page, "#cell-0-curves-chart .key")
    lines = len(several(page, "#cell-0-curves-chart svg.plot .line"))
    press(page, key)
    assert key.get_attribute("aria-pressed") == "false"
    assert len(several(page, "#cell-0-curves-chart svg.plot .line")) == lines - 1
    press(page, key)
    assert len(several(page, "#cell-0-curves-chart svg.plot .line")) == lines


def test_hiding_every_curve_is_no_error(page: webdriver.Chrome) -> None:
    for key in several(page, "#cell-0-curves-chart .key"):
        press(page, key)
    for switch in several(page, "#cell-0-curves-chart .switch"):
        press(page, switch)
    assert not several(page, "#cell-0-curves-chart svg.plot .line")


@pytest.mark.parametrize("switch", ["logX", "logY"])
def test_a_switch_redraws_the_axes_and_back(page: webdriver.Chrome, switch: str) -> None:
    button = one(page, f"#cell-0-curves-chart [data-switch={switch}]")
    plot = one(page, "#cell-0-curves-chart svg.plot")
    before = plot.get_attribute("innerHTML")
    press(page, button)
    changed = plot.get_attribute("innerHTML")
    assert changed != before
    assert "NaN" not in changed
    assert "Infinity" not in changed
    press(page, button)
    assert plot.get_attribute("innerHTML") == before


def measure_in(browser: webdriver.Chrome, chart: str, unit: str) -> None:
    press(browser, one(browser, f"{chart} select.unit option[value='{unit}']"))


def test_tokens_on_the_axis_are_the_prompt_and_k_samples(page: webdriver.Chrome) -> None:
    measure_in(page, "#cell-0-curves-chart", "tokens")
    plot = one(page, "#cell-0-curves-chart svg.plot")
    assert "tokens per problem" in plot.text
    page.execute_script("arguments[0].focus()", plot)
    ActionChains(page).send_keys(Keys.ARROW_RIGHT).perform()
    assert one(page, "#cell-0-curves-chart .tip").text.startswith("k = 1, 18 tokens")  # 11 + 7 x 1
    measure_in(page, "#cell-0-curves-chart", "engine seconds")
    assert "engine seconds per problem" in plot.text
    assert "NaN" not in plot.get_attribute("innerHTML")


def test_a_heading_sorts_numbers_as_numbers_both_ways(page: webdriver.Chrome) -> None:
    heading = several(page, ".sortable thead th")[2]
    press(page, one(heading, "button"))
    up = [int(text.replace(",", "")) for text in column(page, 2)]
    assert up == sorted(up)
    assert heading.get_attribute("aria-sort") == "ascending"
    press(page, one(heading, "button"))
    assert [int(text.replace(",", "")) for text in column(page, 2)] == up[::-1]
    assert heading.get_attribute("aria-sort") == "descending"


def test_search_and_filter_leave_only_what_matches(page: webdriver.Chrome) -> None:
    one(page, ".controls input").send_keys("MUL-01")
    assert column(page, 0) == [f"mul-01{digit}" for digit in range(10)]
    one(page, ".controls input").clear()
    one(page, ".controls input").send_keys(Keys.SPACE, Keys.BACKSPACE)
    one(page, ".controls option[value=never]").click()
    assert set(column(page, 2)) == {"0"}
    assert one(page, ".shown").text == f"{len(column(page, 0))} of 128 problems"


def test_a_click_opens_answers_and_samples_and_sorting_keeps_them_together(page: webdriver.Chrome) -> None:
    button = one(page, "button.open")
    press(page, button)
    assert button.get_attribute("aria-expanded") == "true"
    detail = one(page, "tr.detail")
    assert detail.is_displayed()
    assert "Answer key" in detail.text
    assert "Most frequent answers" in detail.text
    assert "cut off at the token limit" in detail.text
    name = button.text
    press(page, one(page, ".sortable thead th:nth-child(3) button"))
    above = page.execute_script("return arguments[0].previousElementSibling", one(page, "tr.detail"))
    assert name in above.text
    press(page, one(above, "button.open"))
    assert several(page, "tr.detail") == []


def explored_run(folder: Path) -> str:
    """Write the report of a run whose samples say more than their answers, and return its address."""
    store = make_run(folder / "run", n=40, n_problems=8)
    return write_report(analyze_run(store, depth="full"), folder).page.as_uri()


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> str:
    return explored_run(tmp_path_factory.mktemp("explored"))


def read_samples(browser: webdriver.Chrome) -> str:
    """Wait until the samples are unpacked; return how many match."""
    WebDriverWait(browser, 30).until(lambda _: several(browser, "tr.detail .explorer .shown"))
    return one(browser, "tr.detail .explorer .shown").text


def choose(browser: webdriver.Chrome, label: str, text: str) -> None:
    script = (
        "const [label, text] = arguments;"
        "const found = Array.from(document.querySelectorAll('.explorer label')).find(n => n.textContent.startsWith(label));"
        "const select = found.querySelector('select');"
        "select.value = Array.from(select.options).find(o => o.textContent.startsWith(text)).value;"
        "select.dispatchEvent(new Event('change'));"
    )
    browser.execute_script(script, label, text)


def test_all_samples_of_a_problem_can_be_read_and_filtered(browser: webdriver.Chrome, explored: str) -> None:
    browser.get(explored)
    position, n_correct = next((i, int(c)) for i, c in enumerate(column(browser, 2)) if 0 < int(c) < 40)
    press(browser, several(browser, "button.open")[position])
    assert read_samples(browser).startswith("40 of 40 samples")
    choose(browser, "Outcome", "correct")
    assert read_samples(browser).startswith(f"{n_correct} of 40 samples")
    assert {node.text for node in several(browser, ".sample .meta b:first-of-type")} == {"correct"}
    choose(browser, "Outcome", "any")
    least = one(browser, ".explorer input.bound")
    least.send_keys("1000000")
    assert read_samples(browser).startswith("0 of 40 samples")
    assert "least=1000000" in browser.current_url
    assert complaints(browser) == []


def test_an_address_leads_to_the_problem_and_its_filters(browser: webdriver.Chrome, explored: str) -> None:
    browser.get(explored)
    press(browser, several(browser, "button.open")[2])
    read_samples(browser)
    choose(browser, "Outcome", "incorrect")
    address, name, told = browser.current_url, several(browser, "button.open")[2].text, read_samples(browser)
    assert name in address
    browser.get("about:blank")
    browser.get(address)
    assert read_samples(browser) == told
    assert one(browser, "button.open[aria-expanded=true]").text == name
    assert complaints(browser) == []


def test_a_number_of_the_grid_opens_its_outputs(browser: webdriver.Chrome, full_sweep: str) -> None:
    browser.get(full_sweep)
    link = one(browser, ".by-cell tbody tr:nth-child(2) td:nth-child(3) a")
    press(browser, link)
    read_samples(browser)
    name = one(browser, ".by-cell tbody tr:nth-child(2) th").text
    assert one(browser, "#cell-1 button.open[aria-expanded=true]").text == name
    assert complaints(browser) == []


def test_keys_lead_to_the_next_problem_and_back(browser: webdriver.Chrome, explored: str) -> None:
    browser.get(explored)
    names = [button.text for button in several(browser, "button.open")]
    press(browser, several(browser, "button.open")[0])
    for key, at in (("j", 1), ("j", 2), ("k", 1)):
        ActionChains(browser).send_keys(key).perform()
        opened = several(browser, "button.open[aria-expanded=true]")
        assert [button.text for button in opened] == [names[at]]
        assert browser.execute_script("return document.activeElement.textContent") == names[at]


@pytest.mark.parametrize("width", [1400, 390])
def test_an_open_problem_is_no_wider_than_the_window(
    browser: webdriver.Chrome, explored: str, width: int
) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(explored)
    try:
        press(browser, one(browser, "button.open"))
        read_samples(browser)
        beyond = (
            "const edge = document.querySelector('.problems .scroll').getBoundingClientRect().right;"
            "return Array.from(document.querySelectorAll('.detail *')).filter(node => node.checkVisibility()"
            " && node.getBoundingClientRect().right > edge + 1).map(node => node.outerHTML.slice(0, 80));"
        )
        assert browser.execute_script(beyond) == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize(
    ("text", "answer", "marked"),
    [
        ("so 12 + 30 = 42, thus 42.", "42", "42"),
        ("142 and 42 and 420", "42", "42"),
        ("in all 1,234 apples", "1234", "1,234"),
        ("that is \\frac{1}{2}", "\\frac{1}{2}", "\\frac{1}{2}"),
        ("nothing of it", "42", None),
        ("42", "42", None),
        ("a(b", "(", "("),
    ],
)
def test_the_answer_is_marked_where_it_stands(
    page: webdriver.Chrome, text: str, answer: str, marked: str | None
) -> None:
    script = "const node = marked(...arguments); return [node.textContent, node.querySelector('mark')?.textContent ?? null]"
    assert page.execute_script(script, text, answer) == [text, marked]


def test_problems_open_by_keyboard(page: webdriver.Chrome) -> None:
    page.execute_script("arguments[0].focus()", one(page, "button.open"))
    ActionChains(page).send_keys(Keys.ENTER).perform()
    assert one(page, "tr.detail").is_displayed()


def test_the_theme_button_turns_dark_and_light(page: webdriver.Chrome) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = page.execute_script(paper)
    one(page, "#theme").click()
    assert page.execute_script(paper) != light
    one(page, "#theme").click()
    assert page.execute_script(paper) == light


# ------------------------------------------------------------ everywhere


A4 = {
    "width": 718,
    "height": 1047,
    "deviceScaleFactor": 1,
    "mobile": False,
}  # its inside, with margins of 1 cm
CUT_OFF = """
return Array.from(document.querySelectorAll('.scroll')).filter(node => node.checkVisibility())
  .filter(node => Array.from(node.querySelectorAll('th, td')).some(cell => cell.checkVisibility()
    && (cell.getBoundingClientRect().right > document.documentElement.clientWidth + 1
        || cell.scrollWidth > cell.clientWidth + 1 && getComputedStyle(cell).textOverflow !== 'ellipsis')))
  .map(node => node.getAttribute('aria-label'));
"""


@pytest.fixture(scope="module")
def full_sweep(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a page of a full analysis of three cells with costs, everything unfolded."""
    folder = tmp_path_factory.mktemp("full")
    cells = {f"a-model-with-a-long-name-t0.{i}": {"sampling.temperature": i / 10} for i in (2, 5, 8)}
    store = make_run(folder / "run", cells=cells, n=24, n_problems=12)
    result = analyze_run(store, depth="full")
    return write_report(result, folder, budget=price_runs([store.path])).page.as_uri()


@pytest.mark.parametrize("medium", ["desk", "phone", "print"])
def test_no_column_of_any_table_is_cut_off(browser: webdriver.Chrome, full_sweep: str, medium: str) -> None:
    size = {
        "desk": {"width": 1400, "height": 1000, "deviceScaleFactor": 1, "mobile": False},
        "phone": {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True},
        "print": A4,
    }[medium]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print" if medium == "print" else ""})
    browser.get(full_sweep)
    try:
        assert browser.execute_script("return document.documentElement.scrollWidth") <= size["width"]
        assert browser.execute_script(CUT_OFF) == []
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_question_answer_and_chart_are_on_the_first_screen(
    browser: webdriver.Chrome, full_sweep: str
) -> None:
    size = {"width": 1400, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(full_sweep)
    try:
        assert "12 problems of" in one(browser, "h1").text
        assert "%" in one(browser, ".answer-line").text
        plot = one(browser, "#overlay svg.plot").rect
        assert plot["y"] + plot["height"] < 1000
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_term_explains_itself_to_pointer_and_keyboard(page: webdriver.Chrome) -> None:
    term = one(page, "dfn[data-says]")
    shown = "return getComputedStyle(arguments[0], '::after').content"
    assert page.execute_script(shown, term) == "none"
    ActionChains(page).move_to_element(term).perform()
    assert page.execute_script(shown, term).strip('"') == term.get_attribute("data-says")
    ActionChains(page).move_by_offset(0, 400).perform()
    one(page, ".skip").send_keys(Keys.TAB)
    for _ in range(12):
        if page.execute_script("return document.activeElement.tagName") == "DFN":
            break
        ActionChains(page).send_keys(Keys.TAB).perform()
    focused = page.switch_to.active_element
    assert page.execute_script(shown, focused).strip('"') == focused.get_attribute("data-says")


def test_a_cell_has_one_name_everywhere(browser: webdriver.Chrome, full_sweep: str) -> None:
    browser.get(full_sweep)
    names = [f"a-model-with-a-long-name-t0.{i}" for i in (2, 5, 8)]
    for place in (
        "nav a[href^='#cell-']",
        "#cells tbody th a",
        "details.cell > summary h2",
        "#overlay .cells .key",
    ):
        assert [node.text for node in several(browser, place)] == names, place
    assert {key.text for key in several(browser, "#costs .cells .key")} <= set(names)
    assert one(browser, "#cells tbody th .aside").text == "temperature 0.2"


def test_an_address_keeps_the_view_of_a_chart(browser: webdriver.Chrome, sweep_url: str) -> None:
    browser.get(sweep_url)
    press(browser, several(browser, "#overlay .cells .key")[3])
    press(browser, several(browser, "#overlay .kinds .key")[1])
    press(browser, one(browser, "#overlay [data-switch=logY]"))
    measure_in(browser, "#overlay", "tokens")
    address, seen = browser.current_url, one(browser, "#overlay svg.plot").get_attribute("innerHTML")
    browser.get("about:blank")
    browser.get(address)
    assert one(browser, "#overlay svg.plot").get_attribute("innerHTML") == seen
    assert several(browser, "#overlay .cells .key")[3].get_attribute("aria-pressed") == "false"
    assert complaints(browser) == []


def test_tables_and_curves_are_downloaded_as_they_are_shown(
    start: Callable[..., webdriver.Chrome], page_url: str, tmp_path: Path
) -> None:
    browser = start()
    behavior = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", behavior)
    browser.get(page_url)
    press(browser, one(browser, "#cell-0-curves-chart .download"))
    press(browser, one(browser, ".problems .download"))
    WebDriverWait(browser, 30).until(lambda _: len(list(tmp_path.glob("*.csv"))) == 2)
    problems = pl.read_csv(tmp_path / "cell-0-problems.csv", infer_schema=False)
    assert problems["problem_id"].to_list() == column(browser, 0)
    curves = pl.read_csv(tmp_path / "cell-0-curves-chart.csv")
    assert curves.filter(pl.col("curve") == "coverage")["k"].max() == 1000
    assert complaints(browser) == []


def test_a_phone_scrolls_down_only(page: webdriver.Chrome) -> None:
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    page.refresh()
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") == 360
        assert one(page, "#cell-0-curves-chart svg.plot").rect["width"] > 300
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


CONTRAST = """
const parse = text => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
  .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const ground = node => {
  for (; node; node = node.parentElement) {
    const color = parse(getComputedStyle(node).backgroundColor);
    if (color.length < 4 || color[3] > 0) return color;
  }
  return [255, 255, 255];
};
const poor = [];
for (const node of document.querySelectorAll("main *, header *, footer *")) {
  const words = Array.from(node.childNodes).some(n => n.nodeType === 3 && n.textContent.trim());
  if (!words || !node.checkVisibility() || node.closest("option")) continue;
  const style = getComputedStyle(node);
  const ink = node instanceof SVGElement ? style.fill : style.color;
  const [a, b] = [light(parse(ink)), light(ground(node))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) poor.push(`${node.tagName}.${node.getAttribute("class")} ${ratio.toFixed(2)}: ${node.textContent.slice(0, 30)}`);
}
return poor;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_a_contrast_of_at_least_four_and_a_half(page: webdriver.Chrome, scheme: str) -> None:
    # WCAG 2.1, success criterion 1.4.3.
    feature = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", feature)
    page.refresh()
    press(page, one(page, "button.open"))
    try:
        assert page.execute_script(CONTRAST) == []
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_every_control_and_image_has_a_name(page: webdriver.Chrome) -> None:
    for control in several(page, "a, button, input, select, svg.plot, .scroll"):
        if control.is_displayed():
            assert control.accessible_name.strip(), control.get_attribute("outerHTML")[:200]
    assert all(image.get_attribute("alt") for image in several(page, "img"))


def test_headings_skip_no_level(page: webdriver.Chrome) -> None:
    levels = [int(heading.tag_name[1]) for heading in several(page, "h1, h2, h3, h4, h5, h6")]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_print_shows_the_static_figures_and_no_controls(page: webdriver.Chrome) -> None:
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert all(image.is_displayed() for image in several(page, "img.static"))
        assert not any(chart.is_displayed() for chart in several(page, ".chart, nav, .controls"))
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_without_scripts_figures_and_tables_are_there(
    start: Callable[..., webdriver.Chrome], page_url: str
) -> None:
    plain = start(scripts=False)
    plain.get(page_url)
    images = several(plain, "img.static")
    assert len(images) == 2
    for image in images:
        assert image.is_displayed()
        assert int(image.get_property("naturalWidth")) > 0
    assert not any(shown.is_displayed() for shown in several(plain, ".chart, .controls, #theme"))
    assert len(several(plain, ".sortable > tbody > tr")) == 128
    assert "One sample solves" in one(plain, ".answer-line").text


def test_several_cells_are_overlaid_and_have_a_section_each(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    names = ("model t=0.6", "model t=1.0", "model t=1.4")
    result = make_result(n=64, n_problems=40, cells=names)
    browser.get(write_report(result, tmp_path).page.as_uri())
    assert [key.text for key in several(browser, "#overlay .cells .key")] == list(names)
    assert [title.text for title in several(browser, "main h2")] == [
        "All cells",
        *names,
        "Cell against cell",
        "How to reproduce",
    ]
    assert len(several(browser, ".chart svg.plot")) == 7
    measure_in(browser, "#overlay", "tokens")
    browser.execute_script("arguments[0].focus()", one(browser, "#overlay svg.plot"))
    ActionChains(browser).send_keys(*[Keys.ARROW_RIGHT] * 4).perform()
    # Prompts of 11 tokens and samples of 7, 8 and 9: places are 18, 19, 20 and 11 + 2 x 7 = 25.
    tip = one(browser, "#overlay .tip").text
    assert tip.startswith("25 tokens per problem")
    assert "model t=0.6 k = 2" in tip
    assert complaints(browser) == []


def test_a_linear_axis_ends_with_the_data(page: webdriver.Chrome) -> None:
    press(page, one(page, "#cell-0-curves-chart [data-switch=logX]"))
    page.execute_script("arguments[0].focus()", one(page, "#cell-0-curves-chart svg.plot"))
    ActionChains(page).send_keys(Keys.ARROW_LEFT).perform()
    assert one(page, "#cell-0-curves-chart .tip").text.startswith("k = 1,000,")
    press(page, one(page, "#cell-0-curves-chart [data-switch=logX]"))
    page.execute_script("arguments[0].focus()", one(page, "#cell-0-curves-chart svg.plot"))
    ActionChains(page).send_keys(Keys.ARROW_LEFT).perform()
    assert "(extrapolated)" in one(page, "#cell-0-curves-chart .tip").text


# ------------------------------------------------------------ many cells


@pytest.fixture(scope="module")
def sweep_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a page of 2 models x 6 temperatures."""
    result = make_result(n=64, n_problems=40, law=False, cells=[f"cell {i:02d}" for i in range(12)])
    cells = [
        dataclasses.replace(cell, identity={"model.path": "ab"[i // 6], "sampling.temperature": i % 6 / 5})
        for i, cell in enumerate(result.cells)
    ]
    result = dataclasses.replace(result, cells=tuple(cells))
    return write_report(result, tmp_path_factory.mktemp("sweep")).page.as_uri()


def styles_of_lines(browser: webdriver.Chrome) -> list[str]:
    return [str(group.get_attribute("class")) for group in several(browser, "#overlay svg.plot > g")]


def test_twelve_cells_look_different_and_can_be_shown_alone(
    browser: webdriver.Chrome, sweep_url: str
) -> None:
    browser.get(sweep_url)
    assert len(set(styles_of_lines(browser))) == 12
    keys = several(browser, "#overlay .cells .key")
    assert keys[7].text == "cell 07"
    press(browser, keys[7])
    assert len(styles_of_lines(browser)) == 11
    ActionChains(browser).key_down(Keys.SHIFT).click(keys[2]).key_up(Keys.SHIFT).perform()
    assert [key.get_attribute("aria-pressed") for key in keys].count("true") == 1
    kinds = several(browser, "#overlay .kinds .key")
    press(browser, kinds[1])
    browser.execute_script("arguments[0].focus()", one(browser, "#overlay svg.plot"))
    ActionChains(browser).send_keys(Keys.ARROW_LEFT).perform()
    rows = [row.text for row in several(browser, "#overlay .tip tr")]
    assert len(rows) == 2
    assert all(row.startswith("cell 02, ") for row in rows)
    for label, shown in (("none", 0), ("all", 24)):
        press(browser, next(one for one in several(browser, "#overlay .whole") if one.text == label))
        assert len(styles_of_lines(browser)) == shown
    assert complaints(browser) == []


def test_a_folded_cell_is_drawn_when_a_link_unfolds_it(browser: webdriver.Chrome, sweep_url: str) -> None:
    browser.get(sweep_url)
    assert several(browser, "#cell-3 svg.plot") == []
    press(browser, one(browser, "#cells a[href='#cell-3']"))
    WebDriverWait(browser, 20).until(lambda _: len(several(browser, "#cell-3 svg.plot")) == 2)
    assert one(browser, "#cell-3 button.open").is_displayed()
    assert several(browser, "#cell-4 svg.plot") == []
    assert complaints(browser) == []


# ------------------------------------------------------------ live


@pytest.fixture
def live_run(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[tuple[RunStore, LiveReport, str]]:
    """Serve a run that has 5 of 20 samples of each problem."""
    store = make_run(tmp_path / "run", n=5, asked=20, n_problems=30)
    report = LiveReport([store])
    with store.writing():
        report.refresh()
    server = make_server(report, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield store, report, f"http://127.0.0.1:{server.server_port}/"
    browser.get("about:blank")  # an open page would go on asking
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_live_page_follows_the_run_and_keeps_what_the_reader_chose(
    browser: webdriver.Chrome, live_run: tuple[RunStore, LiveReport, str]
) -> None:
    store, report, url = live_run
    chart = "#cell-0-curves-chart"
    browser.get(url)
    assert "150 of 600 samples" in one(browser, "#live").text
    press(browser, several(browser, f"{chart} .key")[0])
    press(browser, one(browser, f"{chart} [data-switch=logY]"))
    one(browser, "#cell-0-find").send_keys("002")
    press(browser, one(browser, "button.open"))
    press(browser, one(browser, "#cell-0-rates-table summary"))
    one(browser, "#cell-0-find").click()
    place = "return document.getElementById('cell-0-find').getBoundingClientRect().top"
    before = browser.execute_script(place)

    draw(store, store.cells()[0], range(5, 20))
    with store.writing():
        report.refresh()
    WebDriverWait(browser, 30).until(lambda _: "600 of 600 samples" in one(browser, "#live").text)
    assert "30 problems × 20 samples" in one(browser, ".lede").text
    assert browser.execute_script("return readData('cell-0-curves-chart-data').measuredK") == 20
    assert one(browser, f"{chart} .key").get_attribute("aria-pressed") == "false"
    assert one(browser, f"{chart} [data-switch=logY]").get_attribute("aria-pressed") == "true"
    assert one(browser, "#cell-0-find").get_attribute("value") == "002"
    assert set(column(browser, 0)) == {"0002", *(f"002{digit}" for digit in range(10))}
    assert one(browser, "tr.detail").is_displayed()
    assert one(browser, "#cell-0-rates-table").get_attribute("open") is not None
    assert browser.execute_script("return document.activeElement.id") == "cell-0-find"
    assert abs(browser.execute_script(place) - before) < 40

    report.refresh()  # nobody writes any more
    WebDriverWait(browser, 30).until(lambda _: "Done" in one(browser, "#live").text)
    WebDriverWait(browser, 30).until(lambda _: several(browser, "#cell-0-ahead"))
    assert several(browser, "#costs svg.plot .line")
    assert complaints(browser) == []


# ------------------------------------------------------------ nothing a model wrote runs


def hostile_report(folder: Path) -> tuple[RunResult, RunsBudget]:
    """Put every attack into every text of a full analysis."""
    store = make_run(folder / "run", n=6, n_problems=5)
    (real,) = analyze_run(store, depth="full").cells
    (priced,) = price_runs([store.path]).tasks
    n = len(ATTACKS)
    result = make_result(n=12, n_problems=n, law=False, completions=ATTACKS, warnings=ATTACKS)
    (cell,) = result.cells
    answers = [[{"answer": text, "count": 12, "correct": False}] for text in ATTACKS]
    problems = cell.problems.with_columns(
        problem_id=pl.Series(ATTACKS),
        prompt=pl.Series(ATTACKS),
        answer=pl.Series(ATTACKS),
        answers=pl.Series(answers),
    )
    everything = " ".join(ATTACKS)
    assert real.comparison is not None
    assert real.outlook is not None
    comparison = dataclasses.replace(
        real.comparison,
        label=everything,
        oracle=everything,
        notes=ATTACKS,
        verifiers=tuple(dataclasses.replace(one, name=everything) for one in real.comparison.verifiers),
        differences_at=tuple((everything, everything, k) for _, _, k in real.comparison.differences_at),
    )
    hostile = dataclasses.replace(
        cell,
        cell=everything,
        model=everything,
        task=everything,
        oracle=everything,
        problems=problems,
        selectors=dict(zip(ATTACKS, [cell.coverage] * n, strict=True)),
        outcomes={text: {"correct": 3, "no_answer": 1} for text in ATTACKS},
        verifier_seconds=dict.fromkeys(ATTACKS, 1.0),
        skipped=ATTACKS,
        identity={"model.path": everything, f"sampling.{everything}": everything},
        sessions=tuple(
            dataclasses.replace(one, started_at=everything, engine=dict.fromkeys(one.engine, everything))
            for one in real.sessions
        ),
        outlook=dataclasses.replace(real.outlook, notes=ATTACKS),
        comparison=comparison,
    )
    view = dataclasses.replace(
        priced.view,
        notes=ATTACKS,
        curves=tuple(
            dataclasses.replace(one, label=everything, arm=everything, selector=everything, method=everything)
            for one in priced.view.curves
        ),
        comparisons=tuple(
            dataclasses.replace(
                one, segments=tuple(dataclasses.replace(part, label=everything) for part in one.segments)
            )
            for one in priced.view.comparisons
        ),
        targets=tuple(
            dataclasses.replace(one, label=everything, why_not=everything) for one in priced.view.targets
        ),
    )
    run = dataclasses.replace(
        result,
        name=everything,
        path=Path(everything.replace("\x00", "")),
        config_yaml=everything,
        manifest={text: text for text in ATTACKS} | {"created_at": everything},
        cells=(hostile, dataclasses.replace(hostile, cell=ATTACKS[1], identity={})),
        unmeasured=(UnmeasuredCell(cell=everything, reason=everything, n_samples=1),),
    )
    return run, RunsBudget(tasks=(TaskBudget(task=everything, view=view),), notes=ATTACKS)


@pytest.fixture(scope="module")
def attacked(browser: webdriver.Chrome, tmp_path_factory: pytest.TempPathFactory) -> webdriver.Chrome:
    """Open a page full of attacks, with all details open and the lures clicked."""
    folder = tmp_path_factory.mktemp("hostile")
    result, budget = hostile_report(folder)
    browser.get(write_report(result, folder, budget=budget).page.as_uri())
    browser.execute_script("for (const fold of document.querySelectorAll('details')) fold.open = true;")
    browser.execute_script(
        "for (const button of document.querySelectorAll('.key, .sortable thead button')) button.click();"
        "for (const button of document.querySelectorAll('button.open')) button.click();"
        "for (const lure of document.querySelectorAll('#lure')) lure.click();"
    )
    return browser


def test_no_attack_runs(attacked: webdriver.Chrome) -> None:
    assert attacked.execute_script("return typeof window.owned") == "undefined"


def test_no_attack_opens_a_dialog_or_leaves_the_page(attacked: webdriver.Chrome) -> None:
    assert attacked.execute_script("return document.title").endswith("ttscale report")
    assert attacked.current_url.startswith("file://")
    assert attacked.execute_script("return document.baseURI") == attacked.current_url


def test_no_attack_becomes_an_element(attacked: webdriver.Chrome) -> None:
    foreign = "iframe, object, embed, form, base, link, meta[http-equiv=refresh], #lure, textarea, noscript"
    assert several(attacked, foreign) == []
    assert len(several(attacked, "script:not([type='application/json'])")) == 1
    assert len(several(attacked, "style")) == 1
    assert one(attacked, "body").is_displayed()


def test_the_browser_had_nothing_to_complain_of(attacked: webdriver.Chrome) -> None:
    # An attack stopped only by the policy would have left a line here: escaping alone must do.
    assert complaints(attacked) == []


def test_every_attack_is_shown_as_the_text_that_it_is(attacked: webdriver.Chrome) -> None:
    shown: list[str] = attacked.execute_script(
        "return Array.from(document.querySelectorAll('.untrusted'), node => node.textContent)"
    )
    assert {visible_text(text) for text in ATTACKS} <= set(shown)
    acting = {"\x00", "\x07", "\x1b", "\u202e", "\u202c", "\u2028", "\u2029"}
    page: Any = attacked.execute_script("return document.documentElement.outerHTML")
    assert not acting & set(page)


def test_the_policy_stops_what_escaping_might_miss_one_day(page: webdriver.Chrome) -> None:
    succeeded = page.execute_script(
        "const attempts = {"
        "  markup: () => { document.body.innerHTML += '<b>x</b>'; },"
        "  handler: () => { document.body.setAttribute('onclick', 'window.owned=1'); document.body.click(); },"
        "  script: () => { const late = document.createElement('script'); late.textContent = 'window.owned=1';"
        "                  document.body.append(late); },"
        "};"
        "return Object.keys(attempts).filter(name => { try { attempts[name](); return true; } catch { return false; } });"
    )
    assert succeeded == []
    assert page.execute_script("return typeof window.owned") == "undefined"
    assert len(complaints(page)) == 3
