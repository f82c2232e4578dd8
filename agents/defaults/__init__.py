"""What a supplier begins with here; see the command install_defaults."""

from collections.abc import Callable

from agents.defaults import routing

INSTALL: dict[str, Callable[[], int]] = {"skills and routing": routing.install}
