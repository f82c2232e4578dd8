"""Who is there by what other nodes say, and what of it lapses when one of them falls silent.

A node that died says nobody's goodbye. From here an ill channel layer looks the same, so what lapsed holds again
once that very node is heard again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from cases import frames


@dataclass(slots=True)
class Nodes:
    """``there``: for each conversation, the roles that each node has sockets of. Times are the loop's."""

    patience: float
    heard: dict[str, float] = field(default_factory=dict)
    there: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)

    def hear(self, node: str, now: float) -> None:
        self.heard[node] = now

    def note(self, node: str, frame: frames.Frame) -> bool:
        """A ``presence`` frame that ``node`` said. True where somebody came of whom nothing was known here."""
        roles = self.there.setdefault(frame["conversation"], {}).setdefault(node, set())
        came = frame["online"] and frame["role"] not in roles
        (roles.add if frame["online"] else roles.discard)(frame["role"])
        return bool(came)

    def roles(self, conversation: str) -> set[str]:
        """Who is there, on nodes that are heard."""
        held = self.there.get(conversation, {})
        return set().union(*(roles for node, roles in held.items() if node not in self.silent))

    def forget(self, conversation: str) -> None:
        """Nobody here looks at it any more."""
        self.there.pop(conversation, None)

    def has(self, conversation: str, role: str) -> bool:
        return role in self.roles(conversation)

    def look(self, now: float) -> list[tuple[str, str, bool]]:
        """What changed since the last look: conversation, role, and whether it may still be there."""
        silent = {node for node, at in self.heard.items() if now - at > self.patience}
        gone, back, self.silent = silent - self.silent, self.silent - silent, silent
        lapsed = [(*place, False) for place in self._of(gone) if not self.has(*place)]
        return lapsed + [(*place, True) for place in self._of(back)]

    def _of(self, nodes: set[str]) -> Iterator[tuple[str, str]]:
        for conversation, held in self.there.items() if nodes else ():
            for role in set().union(*(held.get(node, set()) for node in nodes)):
                yield conversation, role
