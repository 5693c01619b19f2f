"""What somebody presses is what stood there when they decided to: not what the page has put there since (ALM-03)."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.alarm_desk import AlarmDesk
from tests.browser.conftest import LiveServer
from tests.browser.test_alarm_screens import IS_LIVE, desk, standing
from tests.road.site import wait_until

__all__ = ["desk", "standing"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]

URGENT = {"severity": 3, "time_to_respond_min": 2}
STOP_AT_A_CHANGE = """(() => {
  const real = performance.now.bind(performance);
  performance.now = () => window.stoppedAt ?? real();
  document.addEventListener("htmx:afterSwap", ({target}) => {
    if (window.stopsAt === target.id) window.stoppedAt ??= real();
  }, {capture: true});
})()"""
"""The page's clock stands still from the change on: a press a little later is at once, however busy the machine."""


def opened(chromium: Browser, server: LiveServer, path: str = "/alarms/") -> Page:
    context = server.log_in(chromium, "omar")
    context.add_init_script(STOP_AT_A_CHANGE)
    page = context.new_page()
    page.goto(f"{server.url}{path}")
    wait_until(lambda: page.evaluate(IS_LIVE), 10, "the page hears the server")
    page.wait_for_timeout(500)
    return page


def stop_at_the_next_change(page: Page, part: str = "alarm-list") -> None:
    page.evaluate("(part) => { window.stopsAt = part; }", part)


def has_changed(page: Page) -> None:
    wait_until(lambda: page.evaluate("window.stoppedAt !== undefined"), 10, "the page has changed")


def let_time_pass(page: Page) -> None:
    page.evaluate("window.stopsAt = window.stoppedAt = undefined")
    page.wait_for_timeout(450)


def press(page: Page, box: Any) -> None:
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.up()


def acknowledged(desk: AlarmDesk) -> set[str]:
    return {on.partition(":")[0] for on, state in desk.listed() if state == "acked"}


def test_a_press_on_a_row_that_has_just_moved_or_come_is_refused_and_says_so(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    low, (urgent,) = desk.describe(3), desk.describe(1, **URGENT)
    desk.happen("alarm", *low)
    page = opened(chromium, server)
    rows = page.locator(".alarm-row")
    expect(rows).to_have_count(3)
    button = rows.nth(0).locator("[data-row-act]").bounding_box()
    tick = rows.nth(1).locator('input[name="on"]').bounding_box()
    stop_at_the_next_change(page)
    desk.happen("alarm", urgent)
    has_changed(page)
    press(page, button)
    expect(page.locator("#alarm-said")).to_contain_text("The list has just moved: press again.")
    press(page, tick)
    assert page.locator('.alarm-row input[name="on"]:checked').count() == 0
    assert not acknowledged(desk)
    let_time_pass(page)
    press(page, tick)
    expect(rows.nth(1).locator('input[name="on"]')).to_be_checked()
    press(page, button)
    wait_until(lambda: acknowledged(desk) == {urgent}, 5, "what stands there by now is acknowledged")


def test_a_row_that_stands_still_can_be_pressed_while_others_move(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    (urgent,), low = desk.describe(1, **URGENT), desk.describe(3)
    desk.happen("alarm", urgent)
    desk.happen("alarm", low[0])
    page = opened(chromium, server)
    button = page.locator(f"#alarm-{urgent} [data-row-act]").bounding_box()
    stop_at_the_next_change(page)
    desk.happen("alarm", *low[1:])
    has_changed(page)
    press(page, button)
    wait_until(lambda: acknowledged(desk) == {urgent}, 5, "it is acknowledged")


def test_a_key_means_the_alarm_that_had_the_focus_wherever_that_moves(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    low, (urgent,) = desk.describe(3), desk.describe(1, **URGENT)
    desk.happen("alarm", *low)
    page = opened(chromium, server)
    page.keyboard.press("F7")
    page.keyboard.press("ArrowDown")
    marked = str(page.evaluate("document.activeElement.dataset.key"))
    stop_at_the_next_change(page)
    desk.happen("alarm", urgent)
    has_changed(page)
    page.keyboard.press("a")
    wait_until(lambda: acknowledged(desk) == {marked}, 5, "the marked one is acknowledged")


def test_a_key_does_not_mean_the_alarm_that_got_the_focus_because_another_has_gone(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    keys = desk.describe(2)
    desk.happen("alarm", *keys)
    desk.happen("return", *keys)
    page = opened(chromium, server)
    page.keyboard.press("F7")
    gone = str(page.evaluate("document.activeElement.dataset.key"))
    stop_at_the_next_change(page)
    desk.acknowledge(gone)
    has_changed(page)
    assert page.evaluate("document.activeElement.dataset.key") in {*keys} - {gone}
    page.keyboard.press("a")
    page.keyboard.press(" ")
    expect(page.locator("#alarm-said")).to_contain_text("has just changed")
    assert len(desk.listed()) == 1
    assert page.locator('.alarm-row input[name="on"]:checked').count() == 0
    let_time_pass(page)
    page.keyboard.press("a")
    expect(page.locator(".alarm-row")).to_have_count(0)


def test_a_list_that_is_scrolled_can_be_pressed_while_alarms_come_above(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    """The browser keeps what is in sight where it is."""
    low, (urgent,) = desk.describe(40), desk.describe(1, **URGENT)
    desk.happen("alarm", *low)
    page = opened(chromium, server)
    row = page.locator(".alarm-row").nth(30)
    row.scroll_into_view_if_needed()
    key, button = row.get_attribute("data-key"), row.locator("[data-row-act]").bounding_box()
    page.wait_for_timeout(100)
    stop_at_the_next_change(page)
    desk.happen("alarm", urgent)
    has_changed(page)
    page.wait_for_timeout(200)
    assert page.locator(f"#alarm-{key} [data-row-act]").bounding_box() == button
    press(page, button)
    wait_until(lambda: acknowledged(desk) == {key}, 5, "it is acknowledged")


def test_all_shown_are_those_that_were_shown_a_moment_ago(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    """ALM-21"""
    low, (urgent,) = desk.describe(3), desk.describe(1, **URGENT)
    desk.happen("alarm", *low)
    page = opened(chromium, server)
    button = page.locator("[data-all-act]")
    stop_at_the_next_change(page)
    desk.happen("alarm", urgent)
    has_changed(page)
    button.click()
    wait_until(lambda: acknowledged(desk) == {*low}, 5, "those that were seen are acknowledged")
    expect(page.locator("#alarm-said")).to_contain_text("3 alarms acknowledged")
    let_time_pass(page)
    button.click()
    wait_until(lambda: acknowledged(desk) == {*low, urgent}, 5, "and then the last")


def test_on_the_page_of_an_alarm_an_occurrence_that_has_just_come_is_not_acknowledged_unseen(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    (key,) = desk.describe(1)
    desk.happen("alarm", key)
    desk.happen("return", key)
    page = opened(chromium, server, f"/alarms/{key}/")
    button = page.locator('[data-needs="acknowledge"]')
    stop_at_the_next_change(page, "alarm-detail")
    desk.happen("alarm", key)
    has_changed(page)
    expect(page.locator("#acknowledge [data-on]")).to_have_value(f"{key}:2")
    press(page, button.bounding_box())
    expect(page.locator("#alarm-said")).to_contain_text("This alarm has just changed. Look at it, then press again.")
    page.evaluate("document.getElementById('alarm-said').replaceChildren()")
    page.locator('#acknowledge [name="comment"]').focus()
    page.keyboard.press("Enter")
    expect(page.locator("#alarm-said")).to_contain_text("has just changed")
    assert not acknowledged(desk)
    let_time_pass(page)
    press(page, button.bounding_box())
    wait_until(lambda: acknowledged(desk) == {key}, 5, "it is acknowledged")
