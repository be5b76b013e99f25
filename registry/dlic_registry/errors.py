"""Errors a user can act on; the command line prints them and ends with status 2."""


class DlicError(Exception):
    """Root of the mistakes a user can mend: at most 5 lines that name file, key or value, and the remedy."""


class RegistryError(DlicError):
    """A name cannot be registered, or a target of the registry cannot be used."""


class UnknownNameError(RegistryError):
    """No such kind, or no such name in a kind."""


class AmbiguousNameError(RegistryError):
    """Two distributions claim one name, and the caller did not say which."""


class BrokenPluginError(RegistryError):
    """A registered target does not import, or is not what its kind asks for."""
