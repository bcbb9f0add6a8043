"""Every error raised on purpose, named by what the caller may do about it.

    SessionwatchError
    ├── TransientError       try again later: the same input may succeed
    │   └── ChangedError     try again now: it is another input already
    ├── PermanentError       park it: only a changed file or a new version can help
    └── ConfigurationError   a person must change something: the hint says what

The class decides the treatment (`core.plan.after_failure`), `reason` is the short word that
metrics and `sessionwatch quarantine` count by, the text is for people. Input faults inside a
file are not exceptions: they are `core.lines.Fault` values and end in the quarantine.
"""


class SessionwatchError(Exception):
    """Base of the tree; never raised itself. `hint` names the next step for a person."""

    def __init__(self, text: str, *, reason: str = "", hint: str = "") -> None:
        super().__init__(text)
        self.reason = reason or type(self).__name__
        self.hint = hint

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} ({self.hint})" if self.hint else text


class TransientError(SessionwatchError):
    """The world was not ready (disk full, file busy, provider down): retried with back-off."""


class ChangedError(TransientError):
    """The file became another one while it was read. No failure: it is looked at again at once."""


class PermanentError(SessionwatchError):
    """This input cannot be processed as it is: parked until the file or the version changes."""


class ConfigurationError(SessionwatchError):
    """The installation is wrong (settings, second instance, newer database): fix it and start."""


def with_reason(error: Exception) -> SessionwatchError:
    """What a file system or processor raised, with the short word that operators count by.

    Of a foreign error only the class is kept: its text may quote the session it choked on.
    """
    if isinstance(error, SessionwatchError):
        return error
    name = type(error).__name__
    if isinstance(error, OSError):
        return TransientError(f"{name}: {error.strerror}", reason="unreadable")
    hint = "`sessionwatch process FILE --processor NAME` shows where"
    return TransientError(name, reason="processor_error", hint=hint)
