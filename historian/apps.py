from django.apps import AppConfig


class HistorianConfig(AppConfig):
    name = "historian"
    verbose_name = "History"

    def ready(self) -> None:
        from historian.document import RecordingSection, RetentionClassSection
        from plant.document import sections

        sections.register(RetentionClassSection())
        sections.register(RecordingSection())
