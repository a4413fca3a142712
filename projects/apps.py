from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ValidationError


class ProjectsConfig(AppConfig):
    """The destinations that can receive tasks."""

    name = "projects"

    def ready(self) -> None:
        register(house_promises_are_sound)


def house_promises_are_sound(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Report a house SLA that no project could have either."""
    from projects.sla import check_sla

    try:
        check_sla(settings.SLA)
    except ValidationError as error:
        hint = "Write SLA like the `sla` of a project: see docs/deadlines.md."
        return [Error(f"SLA is not used: {' '.join(error.messages)}", hint=hint, id="hopper.E040")]
    return []
