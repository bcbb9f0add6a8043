"""The bounds of one read: how much is held in memory and how long a line, file or wait may be."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Every value is a setting of the same name."""

    chunk_bytes: int = 4 * MIB
    """Read, decoded and committed at a time."""
    line_max_bytes: int = 64 * MIB
    """A longer line is quarantined, not held in memory."""
    document_max_bytes: int = 64 * MIB
    session_max_bytes: int = 256 * MIB
    """Larger documents and sessions are parked: their processors need them whole."""
    tail_quiet_s: float = 30.0
    """A last line without newline is taken after this long, if it is a whole record."""
    stat_trust_s: float = 2.0
    """A stat younger than this may hide a later change of the same size and tick."""
    proof_max_s: float = 600.0
    """What was taken on the proof of its ends is proved whole within this time."""
    attempts_max: int = 8
    """Tries before a failing file is parked."""
