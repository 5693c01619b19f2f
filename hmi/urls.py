"""Every address of the product. tests/road/test_matrix.py walks them all."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from hmi.screens import (
    views_alarm_acts,
    views_alarms,
    views_by_hand,
    views_demo,
    views_devices,
    views_journal,
    views_kpi,
    views_plant,
    views_probes,
    views_system,
    views_tag,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views_plant.overview, name="overview"),
    path("area/<path:path>/", views_plant.area, name="area"),
    path("tag/<path:path>/", views_tag.tag, name="tag"),
    path("devices/", views_devices.devices, name="devices"),
    path("devices/<str:name>/", views_devices.device, name="device"),
    path("devices/<str:name>/ask/<str:kind>/", views_probes.probe, name="probe"),
    path("devices/<str:name>/answer/<str:probe_id>/", views_probes.probe_answer, name="probe_answer"),
    path("read-now/<path:path>/", views_probes.read_now, name="read_now"),
    path("by-hand/", views_by_hand.by_hand, name="by_hand"),
    path("by-hand/enter/<path:path>/", views_by_hand.enter, name="enter"),
    path("by-hand/substitute/<path:path>/", views_by_hand.substitute, name="substitute"),
    path("by-hand/end/<uuid:uuid>/", views_by_hand.end_substitution, name="end_substitution"),
    path("by-hand/preset/<path:path>/", views_by_hand.preset_total, name="preset_total"),
    path("by-hand/out-of-use/<str:name>/", views_by_hand.take_out_of_use, name="take_out_of_use"),
    path("by-hand/into-use/<uuid:uuid>/", views_by_hand.put_back, name="put_back"),
    path("alarms/", views_alarms.alarms, name="alarms"),
    path("alarms/banner/", views_alarms.alarm_banner, name="alarm_banner"),
    path("alarms/muted/", views_alarms.alarms_muted, name="alarms_muted"),
    path("alarms/journal/", views_journal.alarm_journal, name="alarm_journal"),
    path("alarms/journal/csv/", views_journal.alarm_journal_csv, name="alarm_journal_csv"),
    path("alarms/kpi/", views_kpi.alarm_kpi, name="alarm_kpi"),
    path("alarms/kpi/<uuid:uuid>/", views_kpi.alarm_tried, name="alarm_tried"),
    path("alarms/silence/", views_alarm_acts.alarm_silence, name="alarm_silence"),
    path("alarms/do/<slug:what>/", views_alarm_acts.alarm_act, name="alarm_act"),
    path("alarms/<uuid:uuid>/", views_alarms.alarm, name="alarm"),
    path("demo/faults/", views_demo.faults, name="demo_faults"),
    path("demo/faults/<str:name>/", views_demo.fault, name="demo_fault"),
    path("system/", views_system.system, name="system"),
    path("clock/", views_system.clock, name="clock"),
    path("favicon.ico", views_system.favicon, name="favicon"),
    path("", include("accounts.urls")),
    path("", include("exchange.urls")),
    path("admin/", admin.site.urls),
]
