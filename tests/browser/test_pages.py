"""The pages in a real browser: they fit, stay quiet, do not move, and work with keyboard, wrong clock and no script."""

import json
import time
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Locator, Page, Request

from tests.browser.conftest import LiveServer
from tests.road.site import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

PAGES: Final = (
    "/", "/area/works/north/", "/area/works/north/pumps/", "/tag/works/north/level/", "/system/", "/area/nowhere/",
    "/accounts/password/change/", "/admin/", "/devices/", "/devices/plc1/", "/by-hand/",
)  # fmt: skip
SIZES: Final = ((1920, 1080), (1366, 768), (390, 844))
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
MAX_NODES: Final = 1500
MAX_BYTES: Final = 500_000
ZONE: Final = ZoneInfo("Europe/Stockholm")


def listen(page: Page) -> list[str]:
    """What the console says from now on; a page that is meant to be missing may say so."""
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def theme(page: Page) -> Any:
    return page.evaluate("document.documentElement.dataset.theme ?? ''")


def ground(page: Page) -> Any:
    return page.evaluate("getComputedStyle(document.documentElement).backgroundColor")


def module(page: Page, server: LiveServer, name: str, call: str, *, markup: str = "") -> Any:
    """Import one of our modules into an otherwise empty page of the site and evaluate `call` with it as `m`."""
    page.goto(f"{server.url}/accounts/login/")
    page.evaluate("markup => { document.body.innerHTML = markup }", markup)
    return page.evaluate(f"async () => {{ const m = await import('/static/js/ui/{name}'); return ({call}) }}")


def test_every_page_fits_every_screen_and_says_nothing_in_the_console(chromium: Browser, server: LiveServer) -> None:
    """HMI-20: no page is wider than its screen, a phone's too, or has too many elements. Colours move nothing, so light
    and dark take turns."""
    server.poll(level=1.25)
    context = server.log_in(chromium, "ada")
    page = context.new_page()
    said = listen(page)
    for path in PAGES:
        for (width, height), scheme in zip(SIZES, cycle(SCHEMES), strict=False):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": height})
            page.goto(f"{server.url}{path}")
            too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert too_wide <= 0, (path, width, too_wide)
            assert page.evaluate("document.querySelectorAll('*').length") < MAX_NODES, path
    page.wait_for_timeout(300)
    assert [text for text in said if "404" not in text] == []
    context.close()


def test_a_page_weighs_less_than_500_kb_cold(chromium: Browser, server: LiveServer) -> None:
    """HMI-20. Also: nothing comes from another address (island mode)."""
    for path in ("/", "/tag/works/north/level/"):
        requests = loaded(server.log_in(chromium).new_page(), f"{server.url}{path}")
        assert 20_000 < sum(request.sizes()["responseBodySize"] for request in requests) < MAX_BYTES
        assert all(request.url.startswith(server.url) for request in requests)


def loaded(page: Page, url: str) -> list[Request]:
    """What the browser fetched to show the page."""
    requests: list[Request] = []
    page.on("requestfinished", lambda request: requests.append(request))
    page.goto(url, wait_until="load")
    page.wait_for_timeout(300)
    return requests


def test_nothing_moves_when_values_arrive(chromium: Browser, server: LiveServer) -> None:
    poller = server.poll(level=1.25)
    page = server.open(chromium, "/area/works/north/")
    page.evaluate(
        """() => {
          globalThis.shifted = 0;
          new PerformanceObserver((list) => list.getEntries().forEach((e) => (globalThis.shifted += e.value)))
            .observe({ type: "layout-shift", buffered: true });
        }"""
    )
    number = page.locator('[data-live="works/north/level"] .live-number').first
    for value, shown in ((-9.99, "-9.99"), (123.45, "123.45"), (4.0, "4.00")):
        poller.set(server.id_of("works/north/level"), value)
        wait_until(lambda shown=shown: number.text_content() == shown, 5, shown)  # type: ignore[misc]  # a default binds it
    # The digits of a number that is set flush right move within their own place: that alone gives 0.00004.
    assert page.evaluate("globalThis.shifted") < 0.0005


def test_the_theme_is_switched_kept_and_forgotten(chromium: Browser, server: LiveServer) -> None:
    page = server.log_in(chromium).new_page()
    page.emulate_media(color_scheme="light")
    page.goto(server.url)
    light = ground(page)
    page.locator("[data-theme-switch]").click()
    assert theme(page) == "dark"
    dark = ground(page)
    assert dark != light
    page.goto(
        f"{server.url}/admin/" if page.locator('a[href="/admin/"]').count() else f"{server.url}/area/works/north/"
    )
    assert ground(page) == dark, "the next page is painted dark by the server"
    page.goto(server.url)
    page.locator("[data-theme-switch]").click()
    assert theme(page) == "", "as the system has it: nothing to remember"
    assert [c for c in page.context.cookies() if c.get("name") == "theme"] == []


def test_the_admin_site_follows_the_theme(chromium: Browser, server: LiveServer) -> None:
    context = server.log_in(chromium, "ada")
    page = context.new_page()
    page.emulate_media(color_scheme="light")
    page.goto(server.url)
    page.locator("[data-theme-switch]").click()
    page.goto(f"{server.url}/admin/")
    assert theme(page) == "dark"


def test_the_clock_shows_the_time_of_the_plant_whatever_the_browser_believes(
    chromium: Browser, server: LiveServer
) -> None:
    context = server.log_in(chromium)
    page = context.new_page()
    page.clock.install(time=datetime.now(UTC) - timedelta(hours=7))
    page.goto(server.url)

    def seconds_wrong() -> float:
        shown = page.locator("[data-clock]").text_content() or ""
        told = datetime.strptime(shown, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE)
        return abs(told.timestamp() - time.time())

    first = page.locator("[data-clock]").text_content()
    assert seconds_wrong() < 3
    page.clock.run_for(2000)
    wait_until(lambda: page.locator("[data-clock]").text_content() != first, 5, "the clock goes on")


def test_a_computer_that_has_slept_asks_for_the_time(chromium: Browser, server: LiveServer) -> None:
    page = server.log_in(chromium).new_page()
    page.clock.install()
    page.goto(server.url)
    with page.expect_response("**/clock/") as answer:
        page.clock.fast_forward(3_600_000)
    assert answer.value.ok


def test_the_menu_and_the_page_work_by_keyboard(chromium: Browser, server: LiveServer) -> None:
    page = server.open(chromium, "/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.locator(".account summary").focus()
    page.keyboard.press("Enter")
    assert page.locator(".account-menu").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator(".account-menu").is_visible()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_the_focus_is_visible_on_every_kind_of_control(chromium: Browser, server: LiveServer) -> None:
    """HMI-13"""
    page = server.open(chromium, "/")
    for selector in (".nav a", ".card h3 a", "[data-theme-switch]", ".account summary"):
        page.keyboard.press("Tab")  # the browser shows the focus only to somebody who uses the keyboard
        page.locator(selector).first.focus()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", selector


def test_without_scripts_the_values_of_the_first_paint_are_there(chromium: Browser, server: LiveServer) -> None:
    server.poll(level=1.25)
    wait_until(lambda: "1.25" in _plain(chromium, server, "/area/works/north/"), 5, "the value in the page itself")


def _plain(chromium: Browser, server: LiveServer, path: str) -> str:
    context = chromium.new_context(java_script_enabled=False)
    cookie = {"name": server.site.cookie, "value": server.site.sessions["vera"], "url": server.url}
    context.add_cookies([cookie])  # type: ignore[list-item]  # a TypedDict of Playwright
    page = context.new_page()
    page.goto(f"{server.url}{path}")
    text = page.locator("main").inner_text()
    context.close()
    return text


def test_the_counts_of_the_overview_follow_without_a_reload(chromium: Browser, server: LiveServer) -> None:
    server.poll(level=1.25)
    page = server.open(chromium, "/")
    said = listen(page)
    health = page.locator(".health").first
    wait_until(lambda: "all 3 good" in (health.text_content() or ""), 10, "all are good")
    server.stop_polling()
    wait_until(lambda: "3 uncertain" in (health.text_content() or ""), 15, "the poller is gone, the counts say so")
    assert said == []


def test_a_summary_never_says_all_good_beside_a_value_that_is_not(chromium: Browser, server: LiveServer) -> None:
    """In one look at the page, at any moment: no head says "all good" while a value of its area is marked."""
    poller = server.poll(level=1.25)
    page = server.open(chromium, "/")
    health = page.locator('[data-health="works/north"]')
    wait_until(lambda: "all 3 good" in health.inner_text(), 10, "all are good")
    page.evaluate(WATCH_SUMMARIES)
    poller.set(server.id_of("works/north/level"), None, 0x808C0000)
    wait_until(lambda: page.locator('[data-live="works/north/level"][data-q="bad"]').count() > 0, 5, "marked bad")
    wait_until(lambda: "1 bad" in health.inner_text(), 5, "the server's counts follow")
    poller.set(server.id_of("works/north/level"), 1.25)
    wait_until(lambda: "all 3 good" in health.inner_text(), 10, "good again")
    server.stop_polling()
    wait_until(lambda: page.locator('[data-q="stale"]').count() > 0, 10, "out of date")
    assert page.evaluate("globalThis.lies") == []


WATCH_SUMMARIES = """() => {
  globalThis.lies = [];
  const look = () => {
    for (const line of document.querySelectorAll("[data-health]")) {
      const marked = [...document.querySelectorAll('[data-live]:not([data-q="good"])')]
        .filter((value) => value.dataset.live.startsWith(`${line.dataset.health}/`));
      if (marked.length && line.innerText.includes("all")) globalThis.lies.push(line.innerText);
    }
    requestAnimationFrame(look);
  };
  look();
}"""


def test_without_a_server_nothing_is_said_to_be_good_or_connected(chromium: Browser, server: LiveServer) -> None:
    server.poll(level=1.25)
    page = server.open(chromium, "/")
    health = page.locator('[data-health="works/north"]')
    wait_until(lambda: "all 3 good" in health.inner_text(), 10, "all are good")
    server.site.kill("web")
    wait_until(lambda: "not live" in health.inner_text(), 10, "nothing is known of now")
    assert "good" not in page.locator(".cards").first.inner_text()
    links = page.locator(".card .links").all_inner_texts()
    assert links
    assert all("unknown" in text for text in links)


@pytest.mark.slow
def test_the_system_page_says_of_when_it_is_while_no_answer_comes(chromium: Browser, server: LiveServer) -> None:
    server.poll(level=1.25)
    page = server.open(chromium, "/system/", "ada")
    page.wait_for_timeout(2500)
    assert not page.locator("[data-outdated]").is_visible(), "answers come"
    server.site.kill("web")
    wait_until(lambda: page.locator("[data-outdated]").is_visible(), 5, "no answer comes")
    said = page.locator("[data-outdated]").inner_text()
    shown = datetime.strptime(said.split(",")[0].split()[-1], "%H:%M:%S").time()  # noqa: DTZ007 (a time of day)
    now = datetime.now(ZONE)
    assert abs(now.hour * 60 + now.minute - shown.hour * 60 - shown.minute) <= 1
    server.start_web()
    wait_until(lambda: not page.locator("[data-outdated]").is_visible(), 15, "answers come again")


@pytest.mark.parametrize("path", ["/area/works/south/", "/system/", "/admin/"])
def test_the_navigation_of_a_phone_shows_where_one_is(path: str, chromium: Browser, server: LiveServer) -> None:
    context = server.log_in(chromium, "ada")
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server.url}{path}")
    here = page.locator(".nav [aria-current]")
    wait_until(lambda: is_within(here, 390), 5, "the row is moved to the page one is on")
    for link in page.locator(".nav a").all():
        link.evaluate("link => link.scrollIntoView({ inline: 'center' })")
        wait_until(lambda link=link: is_within(link, 390), 5, link.inner_text())  # type: ignore[misc]  # a default binds it


def is_within(link: Locator, width: int) -> bool:
    """Is the whole of it in sight, from side to side?"""
    box = link.bounding_box()
    return box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width


def test_the_trend_draws_what_comes_and_leaves_a_gap(chromium: Browser, server: LiveServer) -> None:
    """HMI-19: the gap of a trend."""
    poller = server.poll(level=1.25)
    page = server.open(chromium, "/tag/works/north/level/")
    wait_until(lambda: page.locator('.now [data-live][data-q="good"]').count() == 1, 10, "the poller is heard")
    page.reload()
    said = listen(page)
    page.wait_for_selector(".trend-plot canvas")
    wait_until(lambda: _coloured(page, ".pen-colour-1"), 10, "the line")
    assert not _coloured(page, ".quality-gap")
    poller.set(server.id_of("works/north/level"), None, 0x808C0000)
    wait_until(lambda: _coloured(page, ".quality-gap"), 10, "the hatched gap")
    assert [text for text in said if "getImageData" not in text] == [], "that one is about this test itself"


def _coloured(page: Page, kind: str) -> bool:
    """Whether the canvas of the trend has a pixel of the colour that a class has."""
    return bool(
        page.evaluate(
            """(kind) => {
              const box = document.querySelector(".trend-plot");
              const probe = Object.assign(document.createElement("i"), { className: kind.slice(1) });
              box.append(probe);
              const [r, g, b] = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
              probe.remove();
              const canvas = box.querySelector("canvas");
              const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              for (let i = 0; i < data.length; i += 4)
                if (Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 6) return true;
              return false;
            }""",
            kind,
        )
    )


# --- modules on their own --------------------------------------------------------------------------------------------


def test_the_pointer_of_a_range_bar_follows_the_value(chromium: Browser, server: LiveServer) -> None:
    """HMI-14"""
    bar = """<svg data-range="Works/Level" data-low="-10" data-high="30" data-width="100" data-q="good">
      <rect class="range-fill" width="0"/><path class="range-pointer" transform="translate(0 0)"/></svg>"""
    page = chromium.new_page()
    module(page, server, "range.js", "m.startRanges()", markup=bar)

    def tell(value: Any, q: str) -> list[Any]:
        return list(
            page.evaluate(
                """([value, q]) => {
                  const detail = [{ path: "works/level", value, q, status: 0, ageMs: 0 }];
                  document.dispatchEvent(new CustomEvent("isthmus:values", { detail }));
                  const pointer = document.querySelector(".range-pointer");
                  return [pointer.getAttribute("transform"), pointer.getAttribute("visibility"),
                          document.querySelector("svg").dataset.q];
                }""",
                [value, q],
            )
        )

    assert tell(0, "good") == ["translate(25 0)", None, "good"]
    assert tell(99, "uncertain") == ["translate(100 0)", None, "uncertain"]
    assert tell(None, "bad") == ["translate(0 0)", "hidden", "bad"]
    assert tell(30, "good") == ["translate(100 0)", None, "good"]


def test_a_bar_loses_its_quality_with_its_number_before_any_value_has_come(
    chromium: Browser, server: LiveServer
) -> None:
    """HMI-14. live.js marks the numbers of a dead screen; no value is told of then."""
    pair = """<span class="live" data-live="works/level" data-q="good"></span>
      <svg data-range="Works/Level" data-low="0" data-high="8" data-width="100" data-q="good"></svg>"""
    page = chromium.new_page()
    module(page, server, "range.js", "m.startRanges()", markup=pair)
    for q in ("stale", "bad", "good"):
        page.evaluate("q => { document.querySelector('.live').dataset.q = q }", q)
        assert page.evaluate("document.querySelector('svg').dataset.q") == q


def test_a_value_that_is_not_of_now_is_no_point_of_a_trend(chromium: Browser, server: LiveServer) -> None:
    told: list[tuple[Any, str, int]] = [
        (1.5, "good", 0),
        (True, "good", 0),
        (1.5, "uncertain", 0x40940000),
        (1.5, "uncertain", 0x408F0000),
        (1.5, "stale", 0x40900000),
        (None, "bad", 0x808C0000),
        ("18446744073709551615", "good", 0),
    ]
    lives = [{"value": value, "q": q, "status": status} for value, q, status in told]
    points = module(chromium.new_page(), server, "series.js", f"{json.dumps(lives)}.map(m.reading)")
    assert points == [1.5, 1, 1.5, None, None, None, None]
