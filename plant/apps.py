from django.apps import AppConfig


class PlantConfig(AppConfig):
    name = "plant"
    verbose_name = "Plant"

    def ready(self) -> None:
        from plant import checks  # noqa: F401 (registers itself)
        from plant.document import sections
        from plant.document.plant_section import AreaSection, PlantSection

        sections.register(PlantSection())
        sections.register(AreaSection())
