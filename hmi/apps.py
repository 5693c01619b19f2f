from django.apps import AppConfig
from django.db.models.signals import post_save


class HmiConfig(AppConfig):
    name = "hmi"
    verbose_name = "Operator screens"

    def ready(self) -> None:
        from devices import current
        from hmi import checks  # noqa: F401  # registers them; needs the settings
        from plant.models import ConfigRevision

        post_save.connect(current.on_revision_saved, sender=ConfigRevision, dispatch_uid="devices.current")
