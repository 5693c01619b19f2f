"""The trends page in a real browser: what is drawn is true, hands and keys move it, and it goes on with the time."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import LiveServer
from tests.road.site import ROOT, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

LEVEL = "works/north/level"
EIGHT = "&".join(f"pen=works/north/{name}" for name in ("level", "t0", "t1", "t2", "t3", "t4", "t5", "t6"))
HOUR = 3_600_000


@pytest.fixture
def trends(served: LiveServer) -> Iterator[LiveServer]:
    """The served site with a day of history, and a poller."""
    if not (served.site.folder / "history.sqlite3").exists():
        made = subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-v", "0", "-c",
             "from tests.browser.trend_site import main; main()"],
            cwd=ROOT, env=served.site.env, check=True, stdout=subprocess.PIPE, text=True, timeout=120,
        )  # fmt: skip
        found = json.loads(made.stdout.strip().splitlines()[-1])
        served.site.tags = {path: (tag, group) for path, (tag, group) in found.items()}
    if not served.is_up():
        served.start_web()
    served.poll(level=2.5)
    yield served
    served.stop_polling()


def opened(chromium: Browser, trends: LiveServer, query: str, person: str = "vera") -> tuple[Page, list[str]]:
    page = trends.log_in(chromium, person).new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{trends.url}/trends/?{query}")
    page.wait_for_selector(".trend-canvas canvas")
    page.wait_for_function("() => performance.getEntriesByName('trend-drawn').length > 0")
    return page, said


def shown(page: Page) -> dict[str, list[str]]:
    return parse_qs(str(page.evaluate("location.search.slice(1)")))


def module(page: Page, trends: LiveServer, name: str, call: str) -> Any:
    page.goto(f"{trends.url}/accounts/login/")
    return page.evaluate(f"async () => {{ const m = await import('/static/js/trends/{name}'); return ({call}) }}")


def test_a_break_of_one_pen_is_not_bridged_by_the_points_of_the_others(chromium: Browser, trends: LiveServer) -> None:
    """HIS-07: uPlot draws columns of all pens; between two of them each pen has its own gaps."""
    call = """(() => {
      const look = (number) => ({ path: `a/t${number}`, labels: {}, unit: "", number, stepped: false });
      const lines = [1, 2].map((number) => new m.Line(look(number)));
      const rest = { limits: [], level: "" };
      lines[0].take({ t: [0, 1000, 5000, 6000], v: [1, null, 2, 3], spans: [[1000, 5000, 2]], ...rest }, 0);
      lines[1].take({ t: [500, 2000, 3000, 5500], v: [7, 7, 7, 7], spans: [], ...rest }, 0);
      const [one, other] = m.aligned(lines).slice(1).map((column) => column.map((v) => (v === undefined ? "none" : v)));
      return { one, other, at: lines[0].sampleAt(4) };
    })()"""
    found = module(chromium.new_page(), trends, "lines.js", call)
    # times 0 0.5 1 2 3 5 5.5 6: from the break at 1 s to the next point at 5 s there is nothing to join
    assert found["one"] == [1, None, None, None, None, 2, "none", 3]
    assert found["other"] == ["none", 7, "none", 7, 7, "none", 7, "none"]
    assert found["at"] == {"at": 1, "value": None, "severity": 2}


def test_live_values_go_on_from_what_history_gave(chromium: Browser, trends: LiveServer) -> None:
    call = """(() => {
      const line = new m.Line({ path: "a/t", labels: {}, unit: "", number: 1, stepped: false });
      line.take({ t: [0, 1000], v: [1, 1], spans: [], limits: [], level: "" }, 100_000);
      line.put(102, 1, 0, true);
      line.put(103, 1, 0, false);
      line.put(104, 1, 0, false);
      line.put(110, 5, 0, true);
      line.put(111, null, 2, true);
      line.put(112, null, 2, false);
      line.put(113, 6, 0, true);
      return [line.t, line.v, line.spans];
    })()"""
    times, values, spans = module(chromium.new_page(), trends, "lines.js", call)
    at = dict(zip(times, values, strict=True))
    assert at[104] == 1, "still so moves on, and is one point"
    assert 103 not in at
    assert (at[109], at[110]) == (1, 5), "the rise begins no earlier than the scan before"
    assert at[111] is None
    assert at[113] == 6
    assert spans == [[111, 113, 2]]


def test_the_clock_of_the_plant_says_the_repeated_hour_twice_with_its_offset(
    chromium: Browser, trends: LiveServer
) -> None:
    call = """(() => {
      const zone = new m.Zone("Europe/Stockholm");
      const first = Date.UTC(2026, 9, 25, 0, 30);
      return [zone.said(first), zone.said(first + 3_600_000), zone.iso(first + 3_600_000), zone.said(first + 7_200_000),
        zone.offset(Date.UTC(2026, 6, 1)), new m.Zone("Asia/Kathmandu").offsetText(first)];
    })()"""
    assert module(chromium.new_page(), trends, "zone.js", call) == [
        "2026-10-25 02:30:00 +02:00", "2026-10-25 02:30:00 +01:00", "2026-10-25T02:30:00+01:00", "2026-10-25 03:30:00",
        120, "+05:45",
    ]  # fmt: skip


def test_the_window_never_goes_into_the_future_and_keeps_its_ends_apart(chromium: Browser, trends: LiveServer) -> None:
    call = """(() => {
      const span = new m.Span({ from: 0, to: 1000_000, follows: true, now: () => 1000_000, changed: () => {} });
      const said = [];
      const tell = () => said.push([Math.round(span.from), Math.round(span.to), span.follows]);
      span.zoom(0.5); tell();
      span.pan(-1); tell();
      span.pan(5); tell();
      for (let n = 0; n < 60; n += 1) span.zoom(0.5, 0.3);
      said.push(Math.round(span.length));
      return [...said, m.spanText(8 * 3_600_000), m.spanText(30 * 86_400_000), m.spanText(90_000)];
    })()"""
    assert module(chromium.new_page(), trends, "span.js", call) == [
        [500_000, 1_000_000, True], [0, 500_000, False], [500_000, 1_000_000, True], 1000, "8h", "30d", "90s",
    ]  # fmt: skip


def test_an_axis_has_the_range_of_its_tags_unless_somebody_asks_for_another(
    chromium: Browser, trends: LiveServer
) -> None:
    """HMI-15"""
    call = """(() => {
      const look = (more) => ({ labels: {}, range: [0, 100], fit: false, ends: null, ...more });
      return [m.endsOf([look({})], 40, 41), m.endsOf([look({})], 40, 120), m.endsOf([look({ fit: true })], 40, 50),
        m.endsOf([look({ ends: [1, 2] })], 40, 50), m.endsOf([look({ labels: { 0: "off", 1: "on" } })], 0, 0),
        m.endsOf([look({ range: null })], 5, 5)];
    })()"""
    found = module(chromium.new_page(), trends, "chart.js", call)
    assert found[:2] == [[0, 100], [0, 124]]
    assert found[2] == [39.5, 50.5]
    assert found[3:5] == [[1, 2], [-0.25, 1.25]]
    assert found[5][0] < 5 < found[5][1]


def test_hands_and_keys_move_the_time_and_the_address_says_so(chromium: Browser, trends: LiveServer) -> None:
    page, said = opened(chromium, trends, f"{EIGHT}&span=24h")
    box = page.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=4)
    page.mouse.up()
    wait_until(lambda: "from" in shown(page), 5, "the selected time stands in the address")
    assert len(shown(page)["pen"]) == 8
    expect(page.locator('[data-do="live"]')).to_have_attribute("aria-pressed", "false")
    before = shown(page)["from"]
    page.locator("[data-trend-canvas]").focus()
    page.keyboard.press("ArrowLeft")
    wait_until(lambda: shown(page)["from"] < before, 5, "an arrow moves it")
    page.keyboard.press("-")
    page.keyboard.press(".")
    wait_until(lambda: "at" in shown(page), 5, "the cursor stands in the address")
    assert re.search(r"Tank level [\d.]+ m", page.locator("[data-trend-status]").inner_text())
    page.keyboard.press("End")
    wait_until(lambda: "span" in shown(page), 5, "End follows the time again")
    page.mouse.wheel(0, 200)
    assert said == []


def test_the_cursor_says_what_was_and_how_good_it_was(chromium: Browser, trends: LiveServer) -> None:
    page, _ = opened(chromium, trends, "pen=works/north/t0&pen=works/north/t1&span=24h")
    box = page.locator(".u-over").bounding_box()
    assert box is not None
    seen: dict[float, list[str]] = {}
    for part in (0.25, 0.55, 0.825):
        page.mouse.move(box["x"] + box["width"] * part, box["y"] + 40)
        page.wait_for_timeout(100)
        seen[part] = page.locator("[data-cursor-quality]").all_inner_texts()
    assert seen[0.25] == ["Good", "Good"]
    assert sorted(seen[0.55]) == ["Bad", "Good"], "one of two series was lost"
    assert seen[0.825] == ["Uncertain", "Uncertain"]


def test_it_goes_on_with_what_comes_live_without_asking_again(chromium: Browser, trends: LiveServer) -> None:
    page, said = opened(chromium, trends, f"pen={LEVEL}&span=10min&at=2026-01-01")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/trends/lines/" in request.url else None)
    assert trends.poller is not None
    page.evaluate(
        """() => {
          globalThis.shifted = 0;
          new PerformanceObserver((list) => list.getEntries().forEach((e) => (globalThis.shifted += e.value)))
            .observe({ type: "layout-shift", buffered: true });
        }"""
    )
    trends.poller.set(trends.id_of(LEVEL), 7.25)
    box = page.locator(".u-over").bounding_box()
    assert box is not None

    def newest() -> str:
        page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 40)
        page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 40)
        return page.locator("[data-cursor-value]").inner_text()

    wait_until(lambda: newest() == "7.25 m", 15, "the new value is drawn at the right edge")
    assert asked == []
    assert page.evaluate("globalThis.shifted") < 0.0005
    assert said == []


def test_a_finger_pans_and_two_zoom(chromium: Browser, trends: LiveServer) -> None:
    context = trends.log_in(chromium)
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{trends.url}/trends/?pen={LEVEL}&span=8h")
    page.wait_for_function("() => performance.getEntriesByName('trend-drawn').length > 0")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    touch = """([moves]) => {
      const over = document.querySelector(".u-over");
      const { left, top, width } = over.getBoundingClientRect();
      for (const [kind, id, part] of moves) {
        const at = { clientX: left + width * part, clientY: top + 50, bubbles: true };
        over.dispatchEvent(new PointerEvent(kind, { pointerId: id, pointerType: "touch", ...at }));
      }
    }"""
    length = """() => {
      const asked = new URLSearchParams(location.search);
      return Date.parse(asked.get("to")) - Date.parse(asked.get("from"));
    }"""
    page.evaluate(touch, [[["pointerdown", 1, 0.3], ["pointermove", 1, 0.8], ["pointerup", 1, 0.8]]])
    wait_until(lambda: "from" in shown(page), 5, "one finger moves it into the past")
    assert abs(page.evaluate(length) - 8 * HOUR) < 2000
    page.evaluate(
        touch,
        [[["pointerdown", 1, 0.4], ["pointerdown", 2, 0.6], ["pointermove", 1, 0.2], ["pointermove", 2, 0.8],
          ["pointerup", 1, 0.2], ["pointerup", 2, 0.8]]],
    )  # fmt: skip
    wait_until(lambda: page.evaluate(length) < 4 * HOUR, 5, "two fingers that part show less")


def test_pens_come_and_go_by_one_press_and_the_time_stays(chromium: Browser, trends: LiveServer) -> None:
    page, _ = opened(chromium, trends, f"pen={LEVEL}&span=8h")
    page.locator("[data-trend-canvas]").focus()
    page.keyboard.press("ArrowLeft")
    wait_until(lambda: "from" in shown(page), 5, "the time stands still")
    begin = shown(page)["from"]
    page.fill(".trend-add input[type=search]", "trend 3")
    page.click(".trend-found a")
    page.wait_for_selector('tr[data-pen="works/north/t3"]')
    assert shown(page)["from"] == begin
    page.locator('tr[data-pen="works/north/t3"]').get_by_text("Hide").click()
    wait_until(lambda: "works/north/t3~hide" in shown(page)["pen"], 5, "hidden")
    page.locator('tr[data-pen="works/north/t3"] .trend-do > a').last.click()
    wait_until(lambda: shown(page)["pen"] == [LEVEL], 5, "removed")


def test_from_a_tag_and_from_a_row_a_trend_is_one_press_away(chromium: Browser, trends: LiveServer) -> None:
    page = trends.open(chromium, f"/tag/{LEVEL}/")
    page.wait_for_selector(".small-trend canvas")
    page.get_by_text("Open in Trends").click()
    page.wait_for_url(re.compile(r"/trends/\?pen=works/north/level&span=1h"))
    page = trends.open(chromium, "/area/works/north/")
    page.get_by_label("Trend of Tank level").click()
    page.wait_for_url(re.compile(r"/trends/\?pen="))


def test_a_trend_is_saved_with_the_time_that_is_shown(chromium: Browser, trends: LiveServer) -> None:
    page, _ = opened(chromium, trends, f"pen={LEVEL}&span=8h", person="omar")
    page.click('[data-span="86400000"]')
    page.click(".trend-saved summary")
    page.fill(".trend-save input[name=name]", "The day")
    page.click(".trend-save button")
    page.wait_for_selector(".messages")
    assert shown(page)["span"] == ["24h"]
    page.click(".trend-saved summary")
    expect(page.locator(".trend-saved li a")).to_have_text("The day")


def test_eight_pens_of_a_day_are_drawn_in_time(chromium: Browser, trends: LiveServer) -> None:
    """A hang, not a figure: that stands in docs/performance.md."""
    page, _ = opened(chromium, trends, f"{EIGHT}&span=24h")
    took = page.evaluate(
        """() => {
          const [asked] = performance.getEntriesByType("resource").filter((e) => e.name.includes("/trends/lines/"));
          return performance.getEntriesByName("trend-drawn")[0].startTime - asked.startTime;
        }"""
    )
    assert took < 5000
