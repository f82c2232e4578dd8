from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Patients and orders"

    def ready(self) -> None:
        from portal import (
            fhir_records,  # noqa: F401 - registers its handlers
            file_keys,  # noqa: F401 - joins the rotation of keys
            my_record,
            receivers,  # noqa: F401 - listens
        )

        my_record.fill()
        from portal import watched  # noqa: F401 - puts writes on the access trail
