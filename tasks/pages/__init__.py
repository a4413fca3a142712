"""Pages of the admin that are about several tasks at once."""

from tasks.pages.breaching import about_to_breach
from tasks.pages.ending import end_instances

__all__ = ["about_to_breach", "end_instances"]
