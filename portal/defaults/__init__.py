"""What a supplier begins with here; see the command install_defaults."""

from collections.abc import Callable

from portal.defaults import verification

INSTALL: dict[str, Callable[[], int]] = {"verification": verification.install}
