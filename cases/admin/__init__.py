"""The workshop's pages of the cases: each module registers its own."""

from cases.admin import callbacks, cases, clocks, duty, playbooks, reasons, surveys, words

__all__ = ["callbacks", "cases", "clocks", "duty", "playbooks", "reasons", "surveys", "words"]
