"""GET history: what was recorded, as it was recorded, to whom may see it (HIS-01, HIS-05, HIS-06)."""

import csv
import io
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pandas
import pyarrow as pa
import pytest
from django.test import Client

from accounts.permissions import Action
from bus import quality
from bus.messages import Value
from devices.current import current_snapshot
from devices.models import Tag
from exchange.rest.api import api as rest
from historian import pens
from historian.configuration import key_of
from historian.samples import stored
from historian.series import SeriesKey
from historian.storage.base import StorageAway, StorageDamaged
from historian.storage.opening import open_storage
from tests.cast import Cast, Works
from tests.exchange.conftest import Api, Put
from tests.exchange.test_tags import is_problem
from tests.hmi import history

HISTORY = "/api/v1/history"
LEVEL, RUN, FLOW = "works/north/level", "works/north/pumps/run", "works/south/flow"
T0 = 1_798_761_600_000  # 2027-01-01T00:00Z
FROM, TO = "2027-01-01T00:00:00Z", "2027-01-01T01:00:00Z"
BAD = quality.BAD_NO_COMMUNICATION
DOUBT = quality.UNCERTAIN_EU_EXCEEDED


@pytest.fixture
def kept(settings: Any, tmp_path: Path, works: Works) -> str:
    return history.keep(settings, tmp_path)


def record(url: str, tag: Tag, samples: Iterable[tuple[int, Value, int]], unit: str | None = None) -> None:
    entry = current_snapshot().tags[tag.pk]
    key = key_of(entry)
    key = key if unit is None else SeriesKey(key.tag, key.kind, unit)
    storage = open_storage(url)
    number = storage.add_series({key: entry.path})[key]
    storage.write([(ms, number, *stored(value), status, ms + 40) for ms, value, status in samples], None)
    storage.close()


def ask(client: Client, *tags: str, **more: Any) -> Any:
    return client.get(HISTORY, {"tag": list(tags), "from": FROM, "to": TO, **more})


def body_of(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def told(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    return cast(dict[str, Any], answer.json())


# -- raw


def test_samples_are_told_with_status_unit_and_zone(cast: Cast, works: Works, api: Api, kept: str) -> None:
    """UA-01, UA-02: a value that must not be used is not told, its status is."""
    record(kept, works.level, [(T0, 1.5, 0), (T0 + 1, 2.0, DOUBT), (T0 + 1000, None, BAD), (T0 + 2000, 7.0, BAD)])
    body = told(ask(api(cast.vera), LEVEL))
    assert (body["from"], body["to"], body["zone"], body["mode"]) == (
        "2027-01-01T00:00:00.000Z", "2027-01-01T01:00:00.000Z", "Europe/Stockholm", "raw",
    )  # fmt: skip
    (series,) = body["series"]
    assert (series["path"], series["uuid"], series["unit"], series["kind"]) == (
        LEVEL, str(works.level.uuid), "m", "number",
    )  # fmt: skip
    assert series["samples"] == [
        {"ts": "2027-01-01T00:00:00.000Z", "value": 1.5, "status": 0, "quality": "good"},
        {"ts": "2027-01-01T00:00:00.001Z", "value": 2.0, "status": DOUBT, "quality": "uncertain"},
        {"ts": "2027-01-01T00:00:01.000Z", "value": None, "status": BAD, "quality": "bad"},
        {"ts": "2027-01-01T00:00:02.000Z", "value": None, "status": BAD, "quality": "bad"},
    ]
    assert body["next"] is None
    assert series["intervals"] is None


def test_the_end_does_not_belong_to_it_and_milliseconds_count(cast: Cast, works: Works, api: Api, kept: str) -> None:
    record(kept, works.level, [(T0 + n, float(n), 0) for n in range(10)])
    vera = api(cast.vera)
    for n in range(9):
        begin, end = (f"2027-01-01T01:00:00.{ms:03}+01:00" for ms in (n, n + 1))
        (series,) = told(vera.get(HISTORY, {"tag": LEVEL, "from": begin, "to": end}))["series"]
        assert [sample["value"] for sample in series["samples"]] == [n]


def test_counters_beyond_2_to_53_and_texts_are_told_exactly(cast: Cast, works: Works, api: Api, kept: str) -> None:
    counter = [2**53, 2**53 + 1, 2**64 - 1, -(2**63)]
    Tag.objects.filter(pk=works.run.pk).update(data_type="string", state_labels={})
    record(kept, works.level, [(T0 + n, value, 0) for n, value in enumerate(counter)])
    record(kept, works.run, [(T0, 'Läuft; "Pumpe" 1', 0), (T0 + 1, "=1+1", 0), (T0 + 2, "", 0)])
    level, run = told(ask(api(cast.vera), LEVEL, RUN))["series"]
    assert [sample["value"] for sample in level["samples"]] == [
        float(2**53), "9007199254740993", "18446744073709551615", "-9223372036854775808",
    ]  # fmt: skip
    assert [sample["value"] for sample in run["samples"]] == ['Läuft; "Pumpe" 1', "=1+1", ""]
    assert run["kind"] == "text"


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 11])
def test_pages_follow_each_other_across_tags_and_skip_nothing(
    limit: int, cast: Cast, works: Works, api: Api, kept: str
) -> None:
    record(kept, works.level, [(T0 + n, float(n), 0) for n in range(5)])
    record(kept, works.flow, [(T0 + 2 * n, float(10 + n), 0) for n in range(5)])
    vera, pages = api(cast.vera), 0
    found: list[tuple[str, float]] = []
    cursor: dict[str, str] = {}
    while True:
        body = told(ask(vera, LEVEL, RUN, FLOW, limit=limit, **cursor))
        page = [(s["path"], x["value"]) for s in body["series"] for x in s["samples"]]
        assert len(page) <= limit
        found, pages = found + page, pages + 1
        if body["next"] is None:
            break
        assert len(page) == limit
        cursor = {"cursor": body["next"]}
    assert found == [(LEVEL, float(n)) for n in range(5)] + [(FLOW, float(10 + n)) for n in range(5)]
    assert pages == -(-10 // limit)


def test_what_was_recorded_under_another_unit_is_not_lost(cast: Cast, works: Works, api: Api, kept: str) -> None:
    record(kept, works.level, [(T0, 150.0, 0)], unit="cm")
    record(kept, works.level, [(T0 + 1000, 1.5, 0)])
    series = told(ask(api(cast.vera), LEVEL))["series"]
    assert [(s["unit"], [x["value"] for x in s["samples"]]) for s in series] == [("cm", [150.0]), ("m", [1.5])]


def test_a_tag_without_history_has_no_samples(cast: Cast, works: Works, api: Api, kept: str) -> None:
    (series,) = told(ask(api(cast.vera), LEVEL))["series"]
    assert (series["samples"], series["level"]) == ([], None)


# -- reckoned


def test_aggregates_are_those_of_part_13(cast: Cast, works: Works, api: Api, kept: str) -> None:
    """HIS-06: the vectors of the standard, through the API."""
    record(kept, works.level, [(T0, 10.0, 0), (T0 + 30_000, 20.0, 0), (T0 + 60_000, 40.0, 0)])
    kinds = ["TimeAverage", "TimeAverage2", "Minimum", "Average", "PercentGood", "Count", "MaximumActualTime"]
    body = told(ask(api(cast.vera), LEVEL, mode="aggregate", aggregate=kinds, interval="1min", to="2027-01-01T00:01Z"))
    (interval,) = body["series"][0]["intervals"]
    assert (interval["from"], interval["to"]) == ("2027-01-01T00:00:00.000Z", "2027-01-01T00:01:00.000Z")
    values = interval["values"]
    assert {name: cell["value"] for name, cell in values.items()} == {
        "TimeAverage": 22.5, "TimeAverage2": 15.0, "Minimum": 10.0, "Average": 15.0, "PercentGood": 100.0, "Count": 2.0,
        "MaximumActualTime": 20.0,
    }  # fmt: skip
    assert [values[name]["unit"] for name in ("TimeAverage", "PercentGood", "Count")] == ["m", "%", ""]
    assert values["MaximumActualTime"]["ts"] == "2027-01-01T00:00:30.000Z"
    assert values["TimeAverage"]["quality"] == "good"
    assert body["series"][0]["level"] == "samples"


def test_values_at_intervals_are_on_the_line_and_never_across_a_gap(
    cast: Cast, works: Works, api: Api, kept: str
) -> None:
    """HIS-07"""
    record(kept, works.level, [(T0, 0.0, 0), (T0 + 20_000, 20.0, 0), (T0 + 30_000, None, BAD), (T0 + 50_000, 5.0, 0)])
    body = told(ask(api(cast.vera), LEVEL, mode="interpolated", interval="10s", to="2027-01-01T00:01Z"))
    samples = body["series"][0]["samples"]
    assert [sample["value"] for sample in samples] == [0.0, 10.0, 20.0, None, None, 5.0]
    assert [sample["quality"] for sample in samples] == ["good", "good", "good", "bad", "bad", "good"]


@pytest.mark.parametrize(
    ("begin", "end", "hours"),
    [
        ("2027-03-27T00:00+01:00", "2027-03-30T00:00+02:00", [24, 23, 24]),
        ("2026-10-24T00:00+02:00", "2026-10-27T00:00+01:00", [24, 25, 24]),
        ("2028-02-28T00:00+01:00", "2028-03-02T00:00+01:00", [24, 24, 24]),
    ],
)
def test_days_are_those_of_the_plant(
    begin: str, end: str, hours: list[int], cast: Cast, works: Works, api: Api, kept: str
) -> None:
    """HIS-06: days in which clocks change; the leap day."""
    first = round(datetime.fromisoformat(begin).timestamp() * 1000)
    last = round(datetime.fromisoformat(end).timestamp() * 1000)
    record(kept, works.level, [(ms, 1.0, 0) for ms in range(first, last + 1, 3_600_000)])
    query = {"tag": LEVEL, "from": begin, "to": end, "mode": "aggregate", "interval": "1d", "aggregate": "Count"}
    days = told(api(cast.vera).get(HISTORY, query))["series"][0]["intervals"]
    assert [day["values"]["Count"]["value"] for day in days] == hours
    utc = told(api(cast.vera).get(HISTORY, {**query, "zone": "UTC"}))["series"][0]["intervals"]
    assert [day["to"][11:16] for day in utc[:-1]] == ["00:00"] * 3


def test_the_right_edge_is_now(cast: Cast, works: Works, api: Api, put: Put, kept: str) -> None:
    """What stands since is known by the bus though no sample says so yet."""
    now_ms = time.time_ns() // 1_000_000
    record(kept, works.level, [(now_ms - 60_000, 2.0, 0)])
    put(works.level, 2.0, source_age_ms=60_000)
    begin = datetime.fromtimestamp((now_ms - 40_000) / 1000).astimezone().isoformat()
    query = {"tag": LEVEL, "from": begin, "mode": "aggregate", "aggregate": ["TimeAverage", "PercentGood"]}
    (interval,) = told(api(cast.vera).get(HISTORY, query))["series"][0]["intervals"]
    assert (interval["values"]["TimeAverage"]["value"], interval["values"]["PercentGood"]["value"]) == (2.0, 100.0)


# -- files


def test_csv_states_the_zone_and_each_offset_and_runs_no_formula(cast: Cast, works: Works, api: Api, kept: str) -> None:
    Tag.objects.filter(pk=works.run.pk).update(data_type="string", state_labels={}, unit="=u")
    record(kept, works.run, [(T0, "=1+1", 0), (T0 + 1, "-x", 0), (T0 + 2, "plain", 0), (T0 + 3, "gone", BAD)])
    record(kept, works.level, [(T0, -1.5, 0), (T0 + 1, -(2**63), DOUBT)])
    answer = ask(api(cast.vera), LEVEL, RUN, format="csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="history-')
    body = body_of(answer)
    assert body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert rows == [
        ["path", "time (Europe/Stockholm)", "value", "unit", "status", "quality"],
        [LEVEL, "2027-01-01T01:00:00.000+01:00", "-1.5", "m", "0x00000000", "good"],
        [LEVEL, "2027-01-01T01:00:00.001+01:00", "-9223372036854775808", "m", f"0x{DOUBT:08X}", "uncertain"],
        [RUN, "2027-01-01T01:00:00.000+01:00", "'=1+1", "'=u", "0x00000000", "good"],
        [RUN, "2027-01-01T01:00:00.001+01:00", "'-x", "'=u", "0x00000000", "good"],
        [RUN, "2027-01-01T01:00:00.002+01:00", "plain", "'=u", "0x00000000", "good"],
        [RUN, "2027-01-01T01:00:00.003+01:00", "", "'=u", f"0x{BAD:08X}", "bad"],
    ]


def test_the_hour_that_clocks_go_through_twice_is_told_apart(cast: Cast, works: Works, api: Api, kept: str) -> None:
    begin = round(datetime.fromisoformat("2026-10-25T02:30:00+02:00").timestamp() * 1000)
    record(kept, works.level, [(begin, 1.0, 0), (begin + 3_600_000, 2.0, 0)])
    query = {"tag": LEVEL, "from": "2026-10-25T00:00Z", "to": "2026-10-25T06:00Z", "format": "csv"}
    rows = body_of(api(cast.vera).get(HISTORY, query)).decode().splitlines()[1:]
    assert [row.split(",")[1] for row in rows] == ["2026-10-25T02:30:00.000+02:00", "2026-10-25T02:30:00.000+01:00"]


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_pandas_reads_what_json_tells(form: str, cast: Cast, works: Works, api: Api, kept: str) -> None:
    Tag.objects.filter(pk=works.run.pk).update(data_type="string", state_labels={})
    record(kept, works.level, [(T0 + n * 7, n / 3, 0) for n in range(100)] + [(T0 + 900, 2**60 + 1, DOUBT)])
    record(kept, works.run, [(T0, "on", 0), (T0 + 5, "off", BAD)])
    vera = api(cast.vera)
    frame = frame_of(form, body_of(ask(vera, LEVEL, RUN, format=form)))
    assert str(frame["time"].dt.tz) == "Europe/Stockholm"
    json_rows = [
        (s["path"], x["ts"], x["value"], s["unit"], x["status"], x["quality"])
        for s in told(ask(vera, LEVEL, RUN))["series"]
        for x in s["samples"]
    ]
    assert rows_of(frame) == json_rows


def frame_of(form: str, body: bytes) -> Any:
    if form == "parquet":
        return pandas.read_parquet(io.BytesIO(body))
    return pa.ipc.open_stream(body).read_all().to_pandas()


def rows_of(frame: Any) -> list[tuple[Any, ...]]:
    """As JSON tells them."""
    times = frame["time"].dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S.%f").str[:-3] + "Z"
    values = [
        exact if isinstance(exact, str) else None if pandas.isna(number) else number
        for exact, number in zip(frame["exact"], frame["number"], strict=True)
    ]
    return list(zip(frame["path"], times, values, frame["unit"], frame["status"], frame["quality"], strict=True))


@pytest.mark.parametrize("form", ["csv", "arrow", "parquet"])
def test_aggregates_as_a_file_are_those_of_json(form: str, cast: Cast, works: Works, api: Api, kept: str) -> None:
    record(kept, works.level, [(T0 + n * 60_000, float(n % 7), 0 if n % 11 else DOUBT) for n in range(60)])
    question = {"mode": "aggregate", "aggregate": ["TimeAverage", "PercentGood"], "interval": "10m"}
    vera = api(cast.vera)
    body = body_of(ask(vera, LEVEL, format=form, **question))
    intervals = told(ask(vera, LEVEL, **question))["series"][0]["intervals"]
    wanted = [
        (name, x["from"], x["to"], x["values"][name]["value"], x["values"][name]["unit"], x["values"][name]["status"])
        for name in ("TimeAverage", "PercentGood")
        for x in intervals
    ]
    if form == "csv":
        rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))[1:]
        found = [(r[1], utc(r[2]), utc(r[3]), float(r[5]) if r[5] else None, r[6], int(r[7], 16)) for r in rows]
    else:
        f = frame_of(form, body)
        sides = [[utc(t.isoformat()) for t in f[name]] for name in ("interval_from", "interval_to")]
        numbers = [None if pandas.isna(number) else number for number in f["number"]]
        found = list(zip(f["aggregate"], *sides, numbers, f["unit"], f["status"], strict=True))
    assert found == wanted


def utc(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(pandas.Timestamp(0, tz='UTC').tz):%Y-%m-%dT%H:%M:%S}.000Z"


@pytest.mark.parametrize("form", ["csv", "arrow", "parquet"])
def test_a_file_without_samples_has_its_columns(form: str, cast: Cast, works: Works, api: Api, kept: str) -> None:
    body = body_of(ask(api(cast.vera), LEVEL, format=form))
    if form == "csv":
        assert body.decode("utf-8-sig").splitlines() == ["path,time (Europe/Stockholm),value,unit,status,quality"]
    else:
        assert list(frame_of(form, body)) == ["path", "time", "number", "exact", "unit", "status", "quality"]


# -- who may, and what is refused


@pytest.mark.parametrize("form", ["json", "csv", "arrow", "parquet"])
def test_a_tag_one_may_not_see_answers_as_one_that_is_not_there(
    form: str, cast: Cast, works: Works, api: Api, kept: str
) -> None:
    record(kept, works.flow, [(T0, 1.0, 0)])
    omar = api(cast.omar)
    foreign, unknown = ask(omar, LEVEL, FLOW, format=form), ask(omar, LEVEL, "works/south/none", format=form)
    assert is_problem(foreign, 404, "unknown-tag")
    assert is_problem(unknown, 404, "unknown-tag")
    assert foreign.json()["detail"].replace(FLOW, "X") == unknown.json()["detail"].replace("works/south/none", "X")
    assert ask(api(cast.sam), FLOW, format=form).status_code == 200


def test_a_token_needs_the_scope_to_view(cast: Cast, works: Works, api: Api, kept: str) -> None:
    assert is_problem(ask(api(cast.vera, (Action.ACKNOWLEDGE,)), LEVEL), 403, "not-allowed")
    assert is_problem(ask(Client(), LEVEL), 401, "not-authenticated")


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ({"from": "2027-01-01T00:00:00"}, "bad-parameter"),
        ({"from": "yesterday"}, "bad-parameter"),
        ({"from": TO, "to": FROM}, "question-refused"),
        ({"from": "1900-01-01T00:00Z"}, "question-refused"),
        ({"mode": "sum"}, "bad-parameter"),
        ({"zone": "Mars/North"}, "bad-parameter"),
        ({"zone": "Europe"}, "bad-parameter"),
        ({"zone": "../../etc/passwd"}, "bad-parameter"),
        ({"format": "xlsx"}, "bad-parameter"),
        ({"limit": "0"}, "bad-parameter"),
        ({"limit": "10", "format": "csv"}, "bad-parameter"),
        ({"cursor": "%%"}, "bad-parameter"),
        ({"cursor": "OTk5IDE"}, "bad-parameter"),
        ({"interval": "10s"}, "bad-parameter"),
        ({"mode": "interpolated"}, "bad-parameter"),
        ({"mode": "aggregate"}, "bad-parameter"),
        ({"aggregate": "Count"}, "bad-parameter"),
        ({"mode": "aggregate", "aggregate": "Median"}, "bad-parameter"),
        ({"mode": "aggregate", "aggregate": "Count", "interval": "1 fortnight"}, "question-refused"),
        ({"mode": "aggregate", "aggregate": "Count", "interval": "1ms"}, "question-refused"),
        (
            {"mode": "aggregate", "aggregate": "Count", "percent_data_good": "10", "percent_data_bad": "40"},
            "question-refused",
        ),
        ({"mode": "aggregate", "aggregate": "Count", "percent_data_good": "101"}, "bad-parameter"),
        ({"tag": RUN, "mode": "aggregate", "aggregate": "Average", "interval": "1h"}, "question-refused"),
        ({"tag": [f"{LEVEL}{n}" for n in range(51)]}, "bad-parameter"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_words(
    query: dict[str, Any], kind: str, cast: Cast, works: Works, api: Api, kept: str
) -> None:
    record(kept, works.run, [(T0, 1.0, 0)])
    assert is_problem(api(cast.vera).get(HISTORY, {"tag": LEVEL, "from": FROM, "to": TO, **query}), 422, kind)


def test_more_values_than_json_carries_are_a_file(cast: Cast, works: Works, api: Api, kept: str) -> None:
    question = {"mode": "aggregate", "aggregate": ["Count", "Delta"], "interval": "300ms"}
    refused = ask(api(cast.vera), LEVEL, **question)
    assert is_problem(refused, 422, "question-refused")
    assert "format=csv" in refused.json()["detail"]
    assert len(body_of(ask(api(cast.vera), LEVEL, **question, format="csv")).splitlines()) == 24_001


@pytest.mark.parametrize("form", ["json", "csv", "arrow", "parquet"])
@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [(StorageAway("at 10.0.0.1"), 503, "history-away"), (StorageDamaged("in /srv"), 500, "history-damaged")],
)
def test_history_that_is_away_is_said_before_a_file_begins(
    form: str, error: Exception, status: int, kind: str, cast: Cast, works: Works, api: Api, kept: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    record(kept, works.level, [(T0, 1.0, 0)])
    current_snapshot()
    pens.series_of([current_snapshot().tags[works.level.pk]])

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("historian.storage.keeping.Keeping.read", fail)
    answer = ask(api(cast.vera), LEVEL, format=form)
    assert is_problem(answer, status, kind)
    assert str(error) not in answer.json()["detail"], "where history lies is nobody's business"
    assert ("Retry-After" in answer.headers) is (status == 503)


def test_the_description_names_every_form_and_word(db: None) -> None:
    operation = rest.get_openapi_schema(path_prefix="/api/v1/")["paths"]["/api/v1/history"]["get"]
    assert set(operation["responses"]["200" if "200" in operation["responses"] else 200]["content"]) == {
        "application/json", "text/csv", "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet",
    }  # fmt: skip
    assert [parameter["name"] for parameter in operation["parameters"]] == [
        "tag", "from", "to", "mode", "aggregate", "interval", "zone", "treat_uncertain_as_bad", "percent_data_bad",
        "percent_data_good", "limit", "cursor", "format",
    ]  # fmt: skip
