"""Which changes a rules folder needs so that it says what a bundle says, and nothing older.

The rule: a pure plan. Only files that the manifest says we wrote are changed or removed, and
only names that we would give. What is withdrawn goes first, whether or not anything is left to
write: a rule that was revoked must not outlive the last bundle. After a crash at any point the
next plan ends in the same place, because a manifest that names a file is written before it.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from knowledge.rendering import digest

MANIFEST_FILE = "km_manifest.json"
_NAME = re.compile(r"km_[a-z0-9_]{1,80}\.md")
_DIGEST = re.compile(r"[0-9a-f]{64}")
EDITED_SUFFIX = ".edited"
"""A file of ours that somebody changed keeps its words under a name that no agent reads."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files we wrote, each with the digests of what it may hold: before and after a write."""

    bundle: str = ""
    digests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def text(self, key: bytes = b"") -> str:
        """As JSON; with a key it carries an HMAC, so that a forged one is found."""
        said = {
            "bundle": self.bundle,
            "files": {k: list(self.digests[k]) for k in sorted(self.digests)},
        }
        signed = said | {"hmac": _hmac(said, key)} if key else said
        return json.dumps(signed, indent=1, sort_keys=True) + "\n"


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete this file; it holds what we wrote."""

    name: str


@dataclass(frozen=True, slots=True)
class SetAside:
    """Rename this file of ours to `to`: somebody edited it, and it is not to be obeyed."""

    name: str
    to: str


@dataclass(frozen=True, slots=True)
class Write:
    """Replace this file, as a whole or not at all."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """Nothing is done: a file by this name is there and not ours. The person renames it."""

    name: str


Operation = Remove | SetAside | Write | Blocked


def plan(
    manifest: Manifest, present: Mapping[str, str], files: Mapping[str, str], *, key: bytes = b""
) -> tuple[Operation, ...]:
    """What to do, in this order.

    `present`: digests of the files that are there, by name; links count as files that are not
    ours, so a caller leaves their digest empty. `files`: the bundle's. Nothing to do: ().
    """
    ours = {n: d for n, d in manifest.digests.items() if _NAME.fullmatch(n) and n in present}
    wanted = {name: text for name, text in files.items() if _NAME.fullmatch(name)}
    digests = {name: digest(text) for name, text in wanted.items()}
    current = {n for n, d in digests.items() if present.get(n) == d and n in ours}
    edited = {n for n, d in ours.items() if present[n] not in d and n not in current}
    blocked = {n for n in wanted if n in present and n not in ours and present[n] != digests[n]}
    writes = sorted(wanted.keys() - current - blocked)
    removed = sorted(ours.keys() - wanted.keys() - edited)
    final = Manifest(_digest_of(digests), {n: (d,) for n, d in digests.items() if n not in blocked})
    steps: list[Operation] = [Remove(name) for name in removed]
    steps += [SetAside(name, _free(name, present)) for name in sorted(edited)]
    if writes:
        steps.append(Write(MANIFEST_FILE, _between(ours, edited, removed, final).text(key)))
        steps += [Write(name, wanted[name]) for name in writes]
    if steps or final != manifest:
        steps.append(Write(MANIFEST_FILE, final.text(key)))
    return (*steps, *(Blocked(name) for name in sorted(blocked)))


def manifest_of(text: str | None, *, key: bytes = b"") -> Manifest | None:
    """The manifest a file holds; an empty one if there is no file; None if it is not to be trusted.

    Without trust nothing is known to be ours: a caller stops and says so, and removes nothing.
    """
    if text is None:
        return Manifest()
    try:
        said = json.loads(text)
        signature = said.pop("hmac", "")
        files = {str(n): tuple(map(_checked, ds)) for n, ds in said["files"].items()}
        manifest = Manifest(str(said["bundle"]), files)
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    if key and not hmac.compare_digest(str(signature), _hmac(said, key)):
        return None
    return manifest if all(map(_NAME.fullmatch, files)) else None


def strays(manifest: Manifest, present: Iterable[str]) -> tuple[str, ...]:
    """Files named like ours that the manifest does not know; they are told and left alone."""
    return tuple(sorted(n for n in present if _NAME.fullmatch(n) and n not in manifest.digests))


def _between(
    ours: Mapping[str, tuple[str, ...]], edited: set[str], removed: list[str], final: Manifest
) -> Manifest:
    """Says of each file both what it holds and what it is about to hold."""
    kept = {n: d for n, d in ours.items() if n not in edited and n not in removed}
    names = kept.keys() | final.digests.keys()
    both = {n: tuple(sorted({*kept.get(n, ()), *final.digests.get(n, ())})) for n in names}
    return Manifest("", both)


def _free(name: str, present: Mapping[str, str]) -> str:
    """A name for a file that is set aside; none that is there is overwritten."""
    names = (f"{name}{EDITED_SUFFIX}{n or ''}" for n in range(len(present) + 1))
    return next(free for free in names if free not in present)


def _digest_of(digests: Mapping[str, str]) -> str:
    return digest("\n".join(f"{digests[name]} {name}" for name in sorted(digests)))


def _checked(found: object) -> str:
    if isinstance(found, str) and _DIGEST.fullmatch(found):
        return found
    raise ValueError("not a digest")


def _hmac(said: object, key: bytes) -> str:
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
