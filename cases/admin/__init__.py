"""The workshop's pages of the cases: each module registers its own."""

from cases.admin import cases, clocks, duty, reasons, surveys, words

__all__ = ["cases", "clocks", "duty", "reasons", "surveys", "words"]
