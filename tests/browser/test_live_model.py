"""What the page believes of a value, by its own clock: it errs on the old side (UA-05, HMI-06)."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from bus import quality
from hmi import presentation

pytestmark = pytest.mark.browser

LIVE = Path(__file__).resolve().parents[2] / "static" / "js" / "live"

RUN = """async ([format, source, table, group_age, own_age, waits_ms]) => {
  const address = (text) => URL.createObjectURL(new Blob([text], {type: "text/javascript"}));
  const formatted = address(format);
  const {QualityTable} = await import(formatted);
  const {Model} = await import(address(source.replace("./format.js", formatted)));
  const model = new Model(new QualityTable(table), 0);
  model.opened(0);
  model.askedAt = 0;
  const before = model.isUnanswered(2400), after = model.isUnanswered(2600);
  model.subscribed({tags: [{path: "w/t", id: 1, group: "g", limit_ms: 3000, unit: "", decimals: 1, labels: {}}],
    refused: []});
  model.heardAt = 0;
  model.beat({bus_age_ms: 0, poller_age_ms: 0, groups: {g: group_age}}, 0);
  model.frame({seq: 1, rows: [[1, 2.5, 0, own_age]]}, 0);
  return [waits_ms.map((ms) => model.shown("w/t", ms).status), before, after, model.isUnanswered(9000)];
}"""


def statuses(browser: Browser, group_age: int | None, own_age: int | None, *waits_ms: int) -> list[Any]:
    page = browser.new_page()
    sources = [(LIVE / "format.js").read_text(), (LIVE / "model.js").read_text()]
    said = page.evaluate(RUN, [*sources, presentation.table_for_browsers(), group_age, own_age, list(waits_ms)])
    page.close()
    assert said[1:] == [False, True, False], "a subscription without an answer is noticed, an answered one is not"
    return list(said[0])


OLD = quality.UNCERTAIN_LAST_USABLE


def test_a_good_value_grows_old_with_its_group(chromium: Browser) -> None:
    assert statuses(chromium, 1000, None, 0, 1900, 2100) == [0, 0, OLD]


def test_a_good_value_of_a_group_that_was_never_read_is_not_believed(chromium: Browser) -> None:
    assert statuses(chromium, None, None, 0) == [OLD]


def test_a_good_value_that_was_taken_long_before_its_group_was_read_is_old(chromium: Browser) -> None:
    assert statuses(chromium, 0, 2000, 0, 1100) == [0, OLD]
