"""The workshop's pages of the portal: each module registers its own."""

from portal.admin import people, records, trail, verification

__all__ = ["people", "records", "trail", "verification"]
