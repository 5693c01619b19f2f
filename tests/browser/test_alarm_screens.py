"""Alarms in real browsers: everybody sees the same, soon, and also after the line was down."""

import statistics
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.alarm_desk import AlarmDesk, Shown
from tests.browser.conftest import LiveServer
from tests.browser.test_axe import AXE, violations
from tests.fault_seed import seeded, times
from tests.road.site import wait_until

pytestmark = pytest.mark.browser

SEEN_MS = 500
QUIET_FETCH_MS: Final = 60.0
"""What one page costs where nothing else runs; what it costs beyond that in the same run is the machine's."""
ROUNDS: Final = 4
"""Press, news, list and banner: so many exchanges are between the two browsers."""
FETCH: Final = """async () => {
    const began = performance.now();
    await (await fetch("/alarms/")).text();
    return performance.now() - began;
}"""
SHOWN = """() => [...document.querySelectorAll(".alarm-row")].map((row) =>
  [row.querySelector('input[name="on"]').value, row.dataset.state])"""
WATCH = """(key) => {
  window.seenAt = null;
  const look = () => {
    const row = document.getElementById("alarm-" + key);
    if (row?.dataset.state === "acked" && window.seenAt === null) window.seenAt = Date.now();
  };
  new MutationObserver(look).observe(document.getElementById("alarm-list"), {childList: true, subtree: true});
}"""
PRESS = """(key) => {
  const at = Date.now();
  document.querySelector("#alarm-" + CSS.escape(key) + " [data-row-act]").click();
  return at;
}"""
IS_LIVE = "document.querySelector('[data-live-banner]')?.dataset.cause !== undefined"
HOLD_NEWS = """(() => {
  window.held = [];
  document.addEventListener("isthmus:alarm-news", (event) => {
    if (!window.held) return;
    event.stopImmediatePropagation();
    window.held.push(event.detail);
  }, {capture: true});
  window.release = () => {
    const newest = window.held.at(-1);
    window.held = null;
    document.dispatchEvent(new CustomEvent("isthmus:alarm-news", {detail: newest}));
  };
})()"""
KEEP_SOCKETS = """(() => {
  const Plain = window.WebSocket;
  window.sockets = [];
  window.WebSocket = class extends Plain {
    constructor(...args) { super(...args); window.sockets.push(this); }
  };
})()"""


@pytest.fixture(scope="module")
def standing(served: LiveServer) -> Iterator[AlarmDesk]:
    desk = AlarmDesk(served.site)
    yield desk
    desk.close()


@pytest.fixture
def desk(standing: AlarmDesk, server: LiveServer) -> Iterator[AlarmDesk]:
    yield standing
    standing.calm()


def shown(page: Page) -> Shown:
    return [(str(on), str(state)) for on, state in page.evaluate(SHOWN)]


def opened(chromium: Browser, server: LiveServer, person: str, path: str = "/alarms/") -> Page:
    page = server.open(chromium, path, person)
    wait_until(lambda: page.evaluate(IS_LIVE), 10, "the page hears the server")
    return page


def test_two_browsers_see_an_acknowledgement_at_once_and_a_late_second_one_is_refused_politely(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    """ALM-03"""
    keys = desk.describe(3)
    desk.happen("alarm", *keys)
    omar, ada = opened(chromium, server, "omar"), opened(chromium, server, "ada")
    for page in (omar, ada):
        expect(page.locator(".alarm-row")).to_have_count(3)
    took, fetched = [], []
    for key in keys:
        fetched.append(ada.evaluate(FETCH))
        ada.evaluate(WATCH, key)
        pressed = omar.evaluate(PRESS, key)
        wait_until(lambda: ada.evaluate("window.seenAt") is not None, 5, "the other browser shows it")
        took.append(ada.evaluate("window.seenAt") - pressed)
    busy_ms = max(0.0, statistics.median(fetched) - QUIET_FETCH_MS)
    assert statistics.median(took) <= SEEN_MS + ROUNDS * busy_ms, (took, fetched)
    late = f"{keys[0]}:1"
    said = ada.evaluate(
        """(on) => { const box = document.querySelector(`input[name="on"][value="${on}"]`); box.click();
        document.querySelector("[data-picked-act]").click(); }""",
        late,
    )
    assert said is None
    expect(ada.locator("#alarm-said")).to_contain_text("acknowledged already")


@pytest.mark.slow
@pytest.mark.timeout(times(240, 900))
def test_a_browser_that_loses_its_line_again_and_again_ends_with_the_list_of_the_server(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    chance = seeded()
    keys = desk.describe(25)
    context = server.log_in(chromium, "ada")
    context.add_init_script(KEEP_SOCKETS)
    page = context.new_page()
    page.goto(f"{server.url}/alarms/")
    for turn in range(times(100, 500)):
        page.evaluate("window.sockets.at(-1)?.close()")
        is_cut = chance.random() < 0.3
        if is_cut:
            context.set_offline(True)
        for _ in range(chance.randrange(1, 4)):
            some = chance.sample(keys, chance.randrange(1, 6))
            if chance.random() < 0.4:
                desk.acknowledge(*some)
            else:
                desk.happen(chance.choice(["alarm", "alarm", "return"]), *some)
        page.wait_for_timeout(chance.random() * 120)
        if is_cut:
            context.set_offline(False)
        page.evaluate("window.dispatchEvent(new Event('online'))")
        if turn % 20 == 19:
            page.wait_for_timeout(chance.random() * 300)
            wait_until(lambda: shown(page) == desk.listed(), 12, f"the same list after {turn + 1} losses", 0.1)


@pytest.mark.slow
def test_what_was_chosen_has_the_focus_and_is_in_sight_stays_so_while_others_change(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    keys = desk.describe(40)
    desk.happen("alarm", *keys)
    page = opened(chromium, server, "ada")
    expect(page.locator(".alarm-row")).to_have_count(40)
    row = page.locator(f"#alarm-{keys[30]}")
    row.locator('input[name="on"]').check()
    row.focus()
    row.evaluate("row => window.kept = row")
    row.scroll_into_view_if_needed()
    at = row.bounding_box()
    desk.acknowledge(*keys[35:])
    desk.happen("return", keys[36])
    expect(page.locator(".alarm-row")).to_have_count(39)
    assert page.evaluate("window.kept === document.activeElement && window.kept.isConnected")
    expect(row.locator('input[name="on"]')).to_be_checked()
    assert row.bounding_box() == at
    desk.happen("return", keys[30])
    desk.happen("alarm", keys[30])
    expect(page.locator(f'input[value="{keys[30]}:2"]')).not_to_be_checked()


@pytest.mark.slow
def test_keys_walk_through_the_list_and_acknowledge(chromium: Browser, server: LiveServer, desk: AlarmDesk) -> None:
    keys = desk.describe(3)
    desk.happen("alarm", *keys)
    page = opened(chromium, server, "omar")
    expect(page.locator(".alarm-row")).to_have_count(3)
    first = [str(row.get_attribute("data-key")) for row in page.locator(".alarm-row").all()]
    page.keyboard.press("F7")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.key") == first[1]
    page.keyboard.press("a")
    expect(page.locator(f"#alarm-{first[1]}")).to_have_attribute("data-state", "acked")
    page.keyboard.press("F8")
    expect(page.locator("#alarm-said")).to_contain_text("Silenced at this station")
    expect(page.locator("#alarm-banner-silence")).to_be_disabled()
    page.wait_for_timeout(500)  # the line is not acknowledged blindly right after it has changed
    page.keyboard.press("F9")
    expect(page.locator(f"#alarm-{first[0]}")).to_have_attribute("data-state", "acked")


@pytest.mark.slow
def test_no_press_is_lost_however_fast_they_come_and_whatever_is_refreshed_meanwhile(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    keys = desk.describe(8)
    desk.happen("alarm", *keys)
    page = opened(chromium, server, "omar")
    expect(page.locator(".alarm-row")).to_have_count(8)
    page.wait_for_timeout(500)  # the line has stood still for a while
    page.evaluate(
        """() => {
        const ask = () => document.dispatchEvent(new CustomEvent("isthmus:alarms"));
        ask();
        document.querySelector("[data-banner-silence]").click();
        ask();
        document.querySelectorAll("[data-row-act]").forEach((button) => { button.click(); ask(); });
        }"""
    )
    expect(page.locator('.alarm-row[data-state="acked"]')).to_have_count(8)
    expect(page.locator("#alarm-banner-silence")).to_be_disabled()
    desk.happen("alarm", *desk.describe(1))
    expect(page.locator("[data-alarm-banner]")).to_have_attribute("data-sound", "2")


@pytest.mark.slow
def test_the_list_follows_the_news_also_when_the_line_was_faster(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    """Line and list ask for themselves: what the line shows already says nothing about the list."""
    keys = desk.describe(2)
    desk.happen("alarm", keys[0])
    context = server.log_in(chromium, "vera")
    context.add_init_script(HOLD_NEWS)
    page = context.new_page()
    page.goto(f"{server.url}/alarms/")
    expect(page.locator(".alarm-row")).to_have_count(1)
    no = desk.happen("alarm", keys[1])
    wait_until(lambda: page.evaluate("(no) => window.held.at(-1)?.no >= no", no), 5, "the news are there")
    page.evaluate("document.getElementById('alarm-line').dispatchEvent(new CustomEvent('isthmus:again'))")
    expect(page.locator("[data-alarm-banner]")).to_have_attribute("data-no", str(no))
    expect(page.locator(".alarm-row")).to_have_count(1)
    page.evaluate("window.release()")
    expect(page.locator(".alarm-row")).to_have_count(2)


@pytest.mark.slow
def test_silence_is_silence_also_when_the_line_changes_while_the_server_is_told(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    """ALM-22"""
    keys = desk.describe(2)
    desk.happen("alarm", *keys)
    page = opened(chromium, server, "omar")
    line = page.locator("[data-alarm-banner]")
    expect(line).to_have_attribute("data-sound", "2")
    top = line.get_attribute("data-top")
    assert top is not None
    under_way: list[Route] = []
    page.route("**/alarms/silence/", lambda route: under_way.append(route))
    page.locator("[data-banner-silence]").click()
    wait_until(lambda: page.evaluate("1") and under_way, 5, "the press is under way")
    desk.acknowledge(top.partition(":")[0])
    expect(line).not_to_have_attribute("data-top", top)  # another button stands there now
    expect(line).to_have_attribute("data-sound", "2")
    under_way[0].continue_()
    expect(line).to_have_attribute("data-sound", "0")
    expect(page.locator("[data-banner-silence]")).to_be_disabled()


@pytest.mark.slow
def test_who_forgot_the_reason_adds_it_and_need_not_begin_again(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    keys = desk.describe(1)
    desk.happen("alarm", *keys)
    page = opened(chromium, server, "omar")
    page.locator('.alarm-row input[name="on"]').check()
    menu = page.locator("details:has([name=shelve_reason])")
    menu.locator("summary").click()
    menu.locator("[data-picked-act]").click()
    expect(page.locator("#alarm-said")).to_contain_text("Say why")
    expect(page.locator('.alarm-row input[name="on"]')).to_be_checked()
    menu.locator('[name="shelve_reason"]').fill("The transmitter is being cleaned")
    menu.locator("[data-picked-act]").click()
    expect(page.locator("#alarm-said")).to_contain_text("1 alarm shelved")
    expect(page.locator(".alarm-row")).to_have_count(0)
    expect(menu).not_to_have_attribute("open", "")


@pytest.mark.slow
def test_the_sound_says_that_it_is_off_until_somebody_clicks_and_stops_when_silenced(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    """ALM-22, HMI-11"""
    keys = desk.describe(1, severity=3, time_to_respond_min=2)
    desk.happen("alarm", *keys)
    page = opened(chromium, server, "omar", "/")
    sound = page.locator("[data-alarm-sound]")
    expect(sound).to_have_text("Sound is off: click")
    assert page.evaluate("document.documentElement.dataset.alarmHeard") is None
    sound.click()
    expect(sound).to_have_text("Sound is on")
    wait_until(lambda: page.evaluate("document.documentElement.dataset.alarmHeard") == "1", 5, "it is heard")
    page.locator("[data-banner-silence]").click()
    expect(page.locator("[data-alarm-banner]")).to_have_attribute("data-sound", "0")
    desk.happen("alarm", *desk.describe(1))
    expect(page.locator("[data-alarm-banner]")).to_have_attribute("data-sound", "2")


@pytest.mark.slow
def test_a_lost_server_and_a_silent_engine_are_said_in_the_line(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    desk.happen("alarm", *desk.describe(1))
    page = opened(chromium, server, "vera", "/")
    engine, outdated = (page.locator(f'[data-alarm-trouble="{what}"]') for what in ("engine", "outdated"))
    expect(engine).to_contain_text("Alarms are not being evaluated")
    expect(engine).to_be_visible()
    height = page.locator("#alarm-line").bounding_box()
    server.site.kill("web")
    expect(outdated).to_be_visible(timeout=8000)
    expect(outdated).to_contain_text("Alarms as of")
    server.start_web()
    expect(outdated).to_be_hidden(timeout=20_000)
    assert page.locator("#alarm-line").bounding_box() == height


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_thousand_alarms_leave_the_list_usable_and_the_line_calm(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    """ALM-32"""
    keys = desk.describe(1000)
    page = opened(chromium, server, "ada")
    page.evaluate("window.swaps = 0; document.addEventListener('htmx:afterSwap', () => window.swaps++)")
    box: Any = page.locator("#alarm-line").bounding_box()
    for start in range(0, 1000, 50):
        desk.happen("alarm", *keys[start : start + 50])
        assert page.locator("#alarm-line").bounding_box() == box
    expect(page.locator(".alarm-found")).to_contain_text("1000 alarms, the first 100 shown", timeout=10_000)
    wait_until(lambda: shown(page) == desk.listed()[:100], 10, "the same first hundred")
    top = page.locator("[data-alarm-banner]").get_attribute("data-top")
    assert top == desk.listed()[0][0], "the one that has called longest stands in the line"
    page.fill('input[name="q"]', "number 777")
    expect(page.locator(".alarm-row")).to_have_count(1, timeout=5000)


@pytest.mark.slow
def test_the_buttons_of_a_phone_are_as_large_as_a_thumb_and_at_the_lower_end(
    chromium: Browser, server: LiveServer, desk: AlarmDesk
) -> None:
    desk.happen("alarm", *desk.describe(2))
    page = opened(chromium, server, "omar", "/")
    page.set_viewport_size({"width": 390, "height": 844})
    for name in ("#alarm-banner-ack", "#alarm-banner-silence", "#alarm-sound"):
        box: Any = page.locator(name).bounding_box()
        assert box["height"] >= 44, name
        assert box["y"] + box["height"] > 780, name
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(f"{server.url}/alarms/")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    row: Any = page.locator("[data-row-act]").first.bounding_box()
    assert row["height"] >= 44
    assert page.locator(".alarm-row").first.bounding_box()["y"] < 420, "the list begins in the upper half"  # type: ignore[index]  # there is one
    expect(page.locator('select[name="sort"]')).to_be_hidden()
    page.locator(".alarm-filter summary").click()
    expect(page.locator('select[name="sort"]')).to_be_visible()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_keep_nobody_out(chromium: Browser, server: LiveServer, desk: AlarmDesk, scheme: Any) -> None:
    """HMI-13: with alarms in every state."""
    keys = desk.describe(3, latching=True)
    desk.happen("alarm", *keys)
    desk.acknowledge(*keys[1:])
    desk.happen("return", keys[2])
    context = server.log_in(chromium, "ada")
    page = context.new_page()
    page.emulate_media(color_scheme=scheme)
    found = {}
    for path in ("/", "/alarms/", f"/alarms/{keys[0]}/", "/alarms/muted/"):
        page.goto(f"{server.url}{path}")
        expect(page.locator("#alarm-top")).to_be_visible()
        found[path] = violations(page, AXE.read_text())
    assert [f"{path} {rule}" for path, broken in found.items() for rule in broken] == []
