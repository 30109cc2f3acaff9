"""Every exception that wheesht raises on purpose.

Each type also derives from the built-in exception that a caller would expect, so that
``except ValueError`` keeps working for people who do not know these names.
"""


class WheeshtError(Exception):
    """Base of all errors raised on purpose; catching it catches them all."""


class ShapeError(WheeshtError, ValueError):
    """An array has the wrong number of dimensions, length or element type."""


class ParameterError(WheeshtError, ValueError):
    """A setting is outside its range."""


class StateError(WheeshtError, RuntimeError):
    """An object is no longer, or not yet, in a state that allows the call."""


class SilentSignalError(WheeshtError, ValueError):
    """A signal has no power, so the requested ratio or level does not exist."""


class SpecError(WheeshtError, ValueError):
    """A model description is inconsistent; the message begins with the field's path."""


class BundleError(WheeshtError, ValueError):
    """A bundle cannot be read: not found, damaged, or not a bundle."""


class AudioFileError(WheeshtError, OSError):
    """An audio file cannot be read or written."""


class OutputExistsError(WheeshtError, FileExistsError):
    """The target exists and replacing it was not asked for."""


class ConfigError(WheeshtError, ValueError):
    """A recipe has an unknown key, a missing key or a value out of range."""


class CorpusError(WheeshtError, ValueError):
    """A corpus folder lacks files, or does not have the layout that was named."""


class StudyError(WheeshtError, ValueError):
    """The folder of a study cannot be read or written, or its parts do not fit together."""


class CheckpointError(WheeshtError, ValueError):
    """A checkpoint is damaged or belongs to another recipe."""


class MissingDependency(WheeshtError, ImportError):
    """An optional package or file is absent; the message says how to get it."""


class GateError(WheeshtError):
    """An implementation differs from the judge, so its time would mean nothing."""


class NoisyMachineError(WheeshtError):
    """The machine was too busy for times that mean anything; none is given."""
