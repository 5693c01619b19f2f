"""What people do to values and devices, in real browsers on a whole site: everybody sees it, and sees it end."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.road.site import Site, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

COUNTER = "works/north/counter"
SOON_MS = 8000
"""A page asks every 2 s; the poller follows within a second, and two cores are shared."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("field"))
    try:
        site.prepare()
        site.start()
        yield site
    finally:
        site.stop()


def enter(chromium: Browser, site: Site, person: str, *, scripts: bool = True) -> BrowserContext:
    context = chromium.new_context(viewport={"width": 1366, "height": 768}, java_script_enabled=scripts)
    context.add_cookies([{"name": site.cookie, "value": site.sessions[person], "url": site.url}])
    context.set_default_timeout(SOON_MS)
    return context


def opened(context: BrowserContext, site: Site, path: str) -> Page:
    page = context.new_page()
    page.goto(f"{site.url}{path}")
    return page


def quality(page: Page, path: str = COUNTER) -> str:
    return str(page.locator(f'[data-live="{path}"]').first.get_attribute("data-q"))


def number(page: Page, path: str = COUNTER) -> str:
    return (page.locator(f'[data-live="{path}"] .live-number').first.text_content() or "").strip()


def wait_for(page: Page, wanted: str) -> None:
    wait_until(lambda: quality(page) == wanted, 20, f"the counter is {wanted}")


def test_a_substituted_value_is_marked_on_everybodys_screen_until_it_is_ended(chromium: Browser, site: Site) -> None:
    omar = opened(enter(chromium, site, "omar"), site, "/area/works/north/")
    wait_for(omar, "good")
    ada = opened(enter(chromium, site, "ada"), site, f"/tag/{COUNTER}/")
    ada.click("#substitute summary")
    ada.fill("#substitute-value", "7")
    ada.fill("#substitute-reason", "The counter is calibrated")
    ada.click("#substitute button")
    expect(ada.locator("#tag-banner")).to_contain_text("Substituted by ada: 7 pcs")
    wait_for(omar, "forced")
    wait_until(lambda: number(omar) == "7", 5, "the substituted number is shown")
    assert omar.locator(f'[data-live="{COUNTER}"] .live-glyph').first.text_content(), "colour alone says nothing"
    lists = opened(enter(chromium, site, "omar"), site, "/by-hand/")
    expect(lists.locator("main")).to_contain_text("The counter is calibrated")
    ada.click("#tag-banner button")
    expect(ada.locator("#tag-banner section")).to_have_count(0)
    wait_for(omar, "good")
    wait_until(lambda: number(omar) != "7", 5, "the measured number is back")
    expect(lists.locator("main")).to_contain_text("ended by ada")


def test_another_persons_substitution_comes_to_a_tag_page_that_is_open(chromium: Browser, site: Site) -> None:
    vera = opened(enter(chromium, site, "vera"), site, f"/tag/{COUNTER}/")
    ada = opened(enter(chromium, site, "ada"), site, f"/tag/{COUNTER}/")
    ada.click("#substitute summary")
    ada.fill("#substitute-value", "9")
    ada.fill("#substitute-reason", "A test of the mark")
    ada.click("#substitute button")
    expect(vera.locator("#tag-banner")).to_contain_text("9 pcs", timeout=SOON_MS)
    expect(vera.locator("#tag-banner button")).to_have_count(0)
    ada.click("#tag-banner button")
    expect(vera.locator("#tag-banner section")).to_have_count(0, timeout=SOON_MS)


def test_reading_now_shows_each_step_to_the_value(chromium: Browser, site: Site) -> None:
    page = opened(enter(chromium, site, "omar"), site, f"/tag/{COUNTER}/")
    wait_for(page, "good")
    page.click("#read-now-button")
    expect(page.locator(".steps .result")).to_be_visible(timeout=15_000)
    assert re.search(r"holding 10: [0-9A-F]{4}", page.locator(".steps").inner_text())
    assert page.url.endswith(f"/tag/{COUNTER}/"), "the answer came into the page"


def test_without_scripts_the_answer_is_looked_for_by_hand(chromium: Browser, site: Site) -> None:
    page = opened(enter(chromium, site, "omar", scripts=False), site, f"/tag/{COUNTER}/")
    with page.expect_navigation():
        page.click("#read-now-button")

    def is_there() -> bool:
        if page.locator(".steps .result").count():
            return True
        with page.expect_navigation():  # or the page before would be asked
            page.click("text=Look for the answer")
        return False

    wait_until(is_there, 20, "the answer is there", step_s=0.3)


def test_a_device_is_asked_from_its_page(chromium: Browser, site: Site) -> None:
    page = opened(enter(chromium, site, "ada"), site, "/devices/plc1/")
    page.click("#ask-connect")
    expect(page.locator("#ask .asked")).to_contain_text("answered in", timeout=15_000)
    page.fill("#registers-address", "10")
    page.fill("#registers-count", "3")
    page.click("#ask-read")
    expect(page.locator("#ask table tbody tr")).to_have_count(3, timeout=15_000)
    assert page.input_value("#registers-address") == "10", "what was typed stays"


def test_a_device_out_of_use_says_so_and_comes_back(chromium: Browser, site: Site) -> None:
    omar = opened(enter(chromium, site, "omar"), site, f"/tag/{COUNTER}/")
    wait_for(omar, "good")
    ada = opened(enter(chromium, site, "ada"), site, "/devices/plc1/")
    ada.click("#out-of-use summary")
    ada.fill("#out-of-use-reason", "A program is loaded")
    ada.click("#out-of-use button")
    expect(ada.locator("#device .held")).to_contain_text("Out of use, by ada")
    expect(ada.locator("#device .device-word")).to_contain_text("out of use", timeout=SOON_MS)
    wait_for(omar, "bad")
    ada.click("#device .held button")
    expect(ada.locator("#device .held")).to_have_count(0)
    wait_for(omar, "good")


def test_a_button_in_a_refreshed_part_keeps_the_focus_and_the_click(chromium: Browser, site: Site) -> None:
    ada = opened(enter(chromium, site, "ada"), site, "/devices/plc1/")
    ada.click("#out-of-use summary")
    ada.fill("#out-of-use-reason", "A cable is moved")
    ada.click("#out-of-use button")
    button = ada.locator("#device .held button")
    button.focus()
    with ada.expect_response(lambda r: r.url.endswith("/devices/plc1/") and r.request.method == "GET"):
        pass
    ada.wait_for_timeout(200)
    assert ada.evaluate("document.activeElement.textContent.trim()") == "Back into use"
    box = button.bounding_box()
    assert box
    ada.mouse.move(box["x"] + 10, box["y"] + 10)
    ada.mouse.down()
    with ada.expect_response(lambda r: r.url.endswith("/devices/plc1/") and r.request.method == "GET"):
        pass  # the answer comes while the button is down
    ada.wait_for_timeout(200)
    ada.mouse.up()
    expect(ada.locator("#device .held")).to_have_count(0)


@pytest.fixture
def narrow(chromium: Browser, site: Site) -> Iterator[Page]:
    context = enter(chromium, site, "ada")
    page = context.new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    yield page
    context.close()


@pytest.mark.parametrize("path", ["/devices/", "/devices/plc1/", "/by-hand/", f"/tag/{COUNTER}/"])
def test_wide_tables_scroll_in_their_own_box_on_a_phone(path: str, narrow: Page, site: Site) -> None:
    """HMI-20, WCAG 1.4.10."""
    narrow.goto(f"{site.url}{path}")
    for summary in narrow.locator("details.act:not([open]) > summary").all():
        summary.click()
    assert narrow.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    for frame in narrow.locator(".table-frame").all():
        assert frame.get_attribute("tabindex") == "0", "also by keyboard"


def test_the_list_of_what_is_set_by_hand_fits_a_phone_also_with_buttons(narrow: Page, site: Site) -> None:
    narrow.goto(f"{site.url}/tag/{COUNTER}/")
    narrow.click("#substitute summary")
    narrow.fill("#substitute-value", "7")
    narrow.fill("#substitute-reason", "A reason as long as people write them when they have the time for it")
    narrow.click("#substitute button")
    narrow.goto(f"{site.url}/by-hand/")
    assert narrow.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    narrow.click("text=End now")
    expect(narrow.locator("main")).to_contain_text("Ended: Counter has its own value again.")


def test_templates_of_a_field_page_need_nothing_inline(site: Site, narrow: Page) -> None:
    said: list[str] = []
    for path in ("/devices/", "/devices/plc1/", "/by-hand/", f"/tag/{COUNTER}/"):
        page = narrow.context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{site.url}{path}")
    narrow.wait_for_timeout(2300)  # until each has refreshed itself
    assert said == []
