"""The small lines beside numbers go on in a browser: a point every five seconds, a gap where nothing was measured."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from hmi.live.recent import STEP_MS
from hmi.screens.sparks import WIDTH, _spark
from tests.browser.conftest import LiveServer
from tests.entries import tag_entry
from tests.road.site import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

LEVEL = "works/north/level"
MARKUP = """<span class="live" data-live="works/level" data-q="good"></span>
<svg data-spark="Works/Level" data-low="0" data-high="10" data-least="1"><polyline points="117,94 119,50" /></svg>"""
TELL = """([value, q, status]) => {
  document.querySelector("[data-live]").dataset.q = q;
  const detail = [{ path: "works/level", value, q, status, ageMs: 0 }];
  document.dispatchEvent(new CustomEvent("isthmus:values", { detail }));
}"""


def lines(page: Page) -> list[list[list[int]]]:
    found: Any = page.evaluate(
        """() => [...document.querySelectorAll("svg[data-spark] polyline")]
              .map((line) => line.getAttribute("points").split(" ").map((point) => point.split(",").map(Number)))"""
    )
    return list(found)


def a_spark(chromium: Browser, server: LiveServer) -> Page:
    """A page with nothing but one line, and a clock that the test moves."""
    page = chromium.new_context().new_page()
    page.clock.install()
    page.goto(f"{server.url}/accounts/login/")
    page.evaluate("markup => { document.body.innerHTML = markup }", MARKUP)
    page.evaluate("async () => (await import('/static/js/ui/spark.js')).startSparks()")
    return page


def test_a_point_is_added_every_five_seconds_and_the_rest_moves_on(chromium: Browser, server: LiveServer) -> None:
    page = a_spark(chromium, server)
    page.evaluate(TELL, [10, "good", 0])
    page.clock.run_for(STEP_MS)
    (line,) = lines(page)
    assert [line[0][0], line[-1][0]] == [WIDTH - 3, WIDTH]
    assert line[-1][1] < line[0][1], "ten is above zero"
    page.clock.run_for(STEP_MS)
    (line,) = lines(page)
    assert [line[0][0], line[-1][0]] == [WIDTH - 4, WIDTH]


@pytest.mark.parametrize(
    ("value", "q", "status"),
    [(None, "bad", 0x808C0000), (5, "stale", 0x40900000), (5, "uncertain", 0x408F0000)],
)
def test_the_line_breaks_where_nothing_was_measured(
    chromium: Browser, server: LiveServer, value: float | None, q: str, status: int
) -> None:
    """HMI-19: a value kept over a lost link is no point, however good its number looks."""
    page = a_spark(chromium, server)
    page.evaluate(TELL, [5, "good", 0])
    page.clock.run_for(STEP_MS)
    page.evaluate(TELL, [value, q, status])
    page.clock.run_for(STEP_MS)
    page.evaluate(TELL, [6, "good", 0])
    page.clock.run_for(STEP_MS)
    first, second = lines(page)
    assert first[-1][0] == WIDTH - 2
    assert [x for x, _ in second] == [WIDTH, WIDTH], "a dot"


def test_a_number_that_loses_its_quality_without_news_adds_no_point(chromium: Browser, server: LiveServer) -> None:
    page = a_spark(chromium, server)
    page.evaluate(TELL, [5, "good", 0])
    page.evaluate("document.querySelector('[data-live]').dataset.q = 'stale'")
    page.clock.run_for(STEP_MS)
    assert lines(page)[-1][-1][0] == WIDTH - 1


def test_the_page_draws_what_the_server_draws(chromium: Browser, server: LiveServer) -> None:
    """The same numbers through both: the corners agree to the unit."""
    values = [None, 3.0, 3.0, 3.0, 7.5, 2.0, None, None, 9.0, 9.0, 1.0]
    tag = tag_entry(eu_min=0.0, eu_max=10.0)
    now = 1_700_000_000_000
    drawn = _spark(tag, [(now - STEP_MS * (len(values) - 1 - i), v) for i, v in enumerate(values)], now)
    page = chromium.new_context().new_page()
    page.goto(f"{server.url}/accounts/login/")
    slots = [None] * (WIDTH + 1 - len(values)) + values
    found = page.evaluate(
        """async ([slots, least, lines, low, high]) => {
          const m = await import("/static/js/ui/spark.js");
          return [m.linesOf(slots, least).lines, m.linesOf(m.slotsOf(lines, low, high), least).lines];
        }""",
        [slots, drawn.least, drawn.lines, drawn.low, drawn.high],
    )
    assert found == [drawn.lines, drawn.lines]


@pytest.mark.slow
def test_an_area_page_draws_on_without_moving_anything(chromium: Browser, server: LiveServer) -> None:
    poller = server.poll(level=1.25)
    page = server.open(chromium, "/area/works/north/")
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    line = page.locator(f'svg[data-spark="{LEVEL}"]')
    assert line.get_attribute("aria-hidden") == "true"
    page.evaluate(
        """() => {
          globalThis.shifted = 0;
          new PerformanceObserver((list) => list.getEntries().forEach((e) => (globalThis.shifted += e.value)))
            .observe({ type: "layout-shift", buffered: true });
        }"""
    )
    height = line.bounding_box()
    wait_until(lambda: line.locator("polyline").count() > 0, 30, "the first point")
    poller.set(server.id_of(LEVEL), 4.0)
    wait_until(lambda: "94" in str(line.inner_html()) and '6"' in str(line.inner_html()), 30, "the line has risen")
    assert line.bounding_box() == height
    assert page.evaluate("globalThis.shifted") < 0.0005
    assert said == []


def test_a_filter_brings_rows_that_live(chromium: Browser, server: LiveServer) -> None:
    """Found by the server, shown without a reload, followed by the socket; the words stay in the address."""
    server.poll(level=1.25)
    page = server.open(chromium, "/area/works/north/?q=nothing")
    page.wait_for_selector("#tag-list .empty-line")
    page.evaluate("htmx.ajax('GET', '?q=tank', { target: '#tag-list', swap: 'outerHTML' })")
    number = page.locator(f'#tag-list [data-live="{LEVEL}"] .live-number')
    wait_until(lambda: number.count() == 1 and number.text_content() == "1.25", 5, "the row that was found")
    wait_until(lambda: page.locator(f'#tag-list [data-live="{LEVEL}"][data-q="good"]').count() == 1, 5, "it lives")
