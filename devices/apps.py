from django.apps import AppConfig


class DevicesConfig(AppConfig):
    name = "devices"
    verbose_name = "Devices"

    def ready(self) -> None:
        from devices import checks  # noqa: F401 (registers itself)
        from devices.document import DeviceSection, TagSection
        from devices.document_computed import DerivedTagSection, ManualTagSection
        from devices.models import tag_named
        from plant import names
        from plant.document import sections

        names.register(tag_named)
        sections.register(DeviceSection())
        sections.register(TagSection())
        sections.register(ManualTagSection())
        sections.register(DerivedTagSection())
