"""Pages of the admin about policies, and about projects with what was learned of them."""

from routing.pages.merging import merge_project
from routing.pages.policies import policy_export, policy_import, policy_trial

__all__ = ["merge_project", "policy_export", "policy_import", "policy_trial"]
