"""What tests of the historian run inside a site's environment, by `manage.py shell`; each prints one line."""

import json
from dataclasses import asdict

from django.db import transaction

from devices.models import Tag
from historian.configuration import load
from historian.models import TagRecording
from plant.revisions import bump


def define() -> None:
    """Two scan groups; a tag with every change, one with a deviation, a state."""
    level, flow = Tag.objects.get(name="level"), Tag.objects.get(name="flow")
    with transaction.atomic():
        flow.scan_ms = 2000
        flow.save()
        TagRecording.objects.create(tag=flow, exc_dev=0.4, comp_dev=1.0, exc_max_s=5, comp_max_s=60)
        bump("test", "recordings")
    wanted = load().wanted
    tags = {
        name: {"id": tag.pk, "uuid": str(tag.uuid), "group": wanted[tag.pk].group, "scan_ms": wanted[tag.pk].scan_ms,
               "rule": asdict(wanted[tag.pk].rule), "key": asdict(wanted[tag.pk].key)}
        for name, tag in (("level", level), ("flow", flow), ("run", Tag.objects.get(name="run")))
    }  # fmt: skip
    print(json.dumps(tags))
