"""Endpoints for people: who is who, and taking somebody out of everything.

The rule: names are written down before the rows are told of them, so that a crash in between is
made up for at the next start; an erasure refuses first, then deletes, and says what it took.
"""

from typing import Annotated, Any

from msgspec import Meta

from api.endpoints import Ask, Endpoint, Fields
from api.parts import Parts
from core.errors import ConfigurationError
from core.rows import Erase, Reassign

Name = Annotated[str, Meta(min_length=1, max_length=200)]


class PersonBody(Fields):
    person: Name
    aliases: list[Name]
    move: bool = False


class EraseBody(Fields):
    confirm: Name
    files: bool = False


def endpoints(parts: Parts) -> list[Endpoint]:
    """Everybody appears once everywhere; an erasure takes everything and says what it took."""
    here = _People(parts)
    return [
        Endpoint("GET", "/api/v1/people", here.everyone, "Everybody, with their names."),
        Endpoint(
            "POST", "/api/v1/people", here.link, "Names that mean one person.", body=PersonBody,
            action="person.link", resource="people", errors=(409,),
        ),
        Endpoint(
            "DELETE", "/api/v1/people/aliases/{alias}", here.unlink,
            "A name stands for itself again.", action="person.unlink", resource="alias:{alias}",
            errors=(404,),
        ),
        Endpoint(
            "POST", "/api/v1/people/{person}/erase", here.erase,
            "Take everything of a person out of every table.", body=EraseBody,
            action="person.erase", resource="person:{person}", errors=(404,),
        ),
        Endpoint(
            "POST", "/api/v1/people/{person}/readmit", here.readmit,
            "Read an erased person's sessions again.", action="person.readmit",
            resource="person:{person}", errors=(404,),
        ),
    ]  # fmt: skip


class _People:
    def __init__(self, parts: Parts) -> None:
        self._desk = parts.desk
        self._control = parts.control
        self._queries = parts.queries

    def everyone(self, _: Ask) -> dict[str, Any]:
        return {"people": self._desk.people.everyone()}

    def link(self, ask: Ask) -> dict[str, Any]:
        body: PersonBody = ask.body
        # The audit outlives the person's names.
        ask.note.params["aliases"] = len(body.aliases)
        self._desk.people.link(body.person, body.aliases, move=body.move)
        return self._reassigned(ask, body.person)

    def unlink(self, ask: Ask) -> dict[str, Any]:
        return self._reassigned(ask, self._desk.people.unlink(ask.path["alias"]))

    def readmit(self, ask: Ask) -> dict[str, Any]:
        self._desk.people.readmit(ask.path["person"])
        return {"person": ask.path["person"]}

    def erase(self, ask: Ask) -> dict[str, Any]:
        """Refuse first, then delete: what is read meanwhile is refused by the writer."""
        person = ask.path["person"]
        _require_confirmed(person, ask.body.confirm)
        self._require_known(person)
        keys = self._queries.keys_of(person)
        self._desk.people.refuse(person, ask.who.name)
        taken = self._control.amend(Erase(frozenset({person}))).report
        resolve = self._desk.people.resolve
        revoked = self._desk.tokens.revoke_all(lambda name: resolve(name) == person)
        rows = {**taken, **self._forgotten(person)}
        left = self._control.remove_files(keys) if ask.body.files else [str(key) for key in keys]
        report = {
            "person": person,
            "rows": {name: n for name, n in rows.items() if n},
            "tokens_revoked": revoked,
            "files_deleted": len(keys) - len(left),
            "files_left": left[:1000],
            "compaction_needed": self._desk.people.uncompacted_since_us() is not None,
        }  # fmt: skip
        ask.note.failed = ask.body.files and bool(left)
        ask.note.params |= {**report, "files_left": len(left)}
        return report

    def _forgotten(self, person: str) -> dict[str, int]:
        """Rows taken from the tables that hang on no file, by table; the names go last."""
        desk = self._desk
        return {
            **desk.memory.forget(person), **desk.model.forget(person), **desk.people.forget(person)
        }  # fmt: skip

    def _require_known(self, person: str) -> None:
        if person not in {one["person"] for one in self._desk.people.everyone()}:
            raise ConfigurationError(
                f"nobody is called {person[:60]}", reason="not_found",
                hint="`sessionwatch people list` has everybody",
            )  # fmt: skip

    def _reassigned(self, ask: Ask, person: str) -> dict[str, Any]:
        files = self._control.amend(Reassign()).report["files"]
        ask.note.params["files"] = files
        return {"person": person, "files": files}


def _require_confirmed(person: str, confirm: str) -> None:
    if confirm != person:
        raise ConfigurationError(
            "an erasure cannot be undone", reason="not_confirmed",
            hint="give the person's name once more as `confirm`",
        )  # fmt: skip
