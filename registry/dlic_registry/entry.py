"""One registered name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A name, what it stands for, and who brought it: strings only, so that listing imports nothing.

    Attributes:
        kind: one of `KINDS` or of `stage_kinds`, unless a plug-in invented another (then loading says so).
        name: unique within the kind and distribution.
        target: ``module:Class``.
        distribution: the installed distribution that registers it; ``local`` where a decorator did.
        version: of the distribution; empty for ``local``.
        summary: one line for people.
    """

    kind: str
    name: str
    target: str
    distribution: str
    version: str
    summary: str

    @property
    def qualified(self) -> str:
        """``distribution:name``, the spelling that is never ambiguous."""
        return f"{self.distribution}:{self.name}"

    @property
    def owner(self) -> str:
        """Distribution and version, for sentences."""
        return f"{self.distribution} {self.version}".rstrip()
