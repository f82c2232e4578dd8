"""What a supplier begins with here; see the command install_defaults."""

from collections.abc import Callable

INSTALL: dict[str, Callable[[], int]] = {}
