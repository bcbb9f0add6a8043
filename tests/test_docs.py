"""The documents say what the code has, all of it and nothing else.

Generated tables are compared as a whole (`make docs` mends them); commands, flags, routes and
alerts are written by hand and compared by name, both ways.
"""

import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from api.app import all_endpoints
from api.secret import SECRETS
from service import cli
from service.reload import LIVE
from service.settings import PREFIX, PRICE_RULES, RULES, SOURCE_RULES, variable_of
from tests.tools import doc_tables
from tests.tools.http import no_parts
from watcher.sight import REMEDIES

ROOT = Path(__file__).resolve().parent.parent
OPERATIONS, API, CLI = (ROOT / "docs" / f"{name}.md" for name in ("operations", "api", "cli"))
FLAG = re.compile(r"(?<![\w-])(--[a-z][a-z-]+)")
# Flags of other programs, which the documents also speak of.
FOREIGN = {"--build", "--cap-drop", "--deep-copy", "--group-add", "--no-deps", "--now",
           "--rm"}  # fmt: skip


def read(path):
    return path.read_text(encoding="utf-8")


def documents():
    return [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]


def commands():
    """Every command of the command line by the words that call it."""
    found = {}
    for name, command in typer.main.get_command(cli.app).commands.items():
        if below := getattr(command, "commands", None):
            found |= {f"{name} {under}": one for under, one in below.items()}
        else:
            found[name] = command
    return found


def flags(words):
    """The long options of a command, as its help has them."""
    shown = CliRunner().invoke(cli.app, [*words.split(), "--help"]).stdout
    return set(FLAG.findall(shown.partition("Options:")[2])) - {"--help"}


def section(path, title):
    """What stands under a heading, up to the next of its rank."""
    found = re.search(rf"^(##+) {re.escape(title)}$\n(.*?)(?=^\1 |\Z)", read(path), re.S | re.M)
    assert found, f"{path.name} has no section {title!r}"
    return found[2]


# Settings and metrics.


def test_the_tables_are_what_the_code_says():
    text = read(OPERATIONS)

    assert set(re.findall(r"^<!-- (\w+): make docs -->$", text, re.M)) == set(doc_tables.TABLES)
    assert text == doc_tables.written(text), "run `make docs`"


def test_every_setting_and_metric_is_in_a_table():
    text = read(OPERATIONS)

    named = (*(name.rpartition(".")[2] for name in RULES), *SOURCE_RULES, *PRICE_RULES)

    assert [name for name in named if f"| `{name}` |" not in text] == []
    assert [one for one, *_ in doc_tables.metrics() if f"| `{one}` |" not in text] == []


def test_every_setting_says_what_it_is():
    assert [name for name, rule in RULES.items() if not rule.about] == []


def test_every_metric_that_is_spoken_of_exists():
    known = {name for name, *_ in doc_tables.metrics()}
    known |= {f"{name}{end}" for name in known for end in ("_bucket", "_sum", "_count")}
    spoken = {
        name
        for document in documents()
        for name in re.findall(r"\bsessionwatch_[a-z_]+", read(document))
    }

    assert spoken - known == set()


def test_every_variable_that_is_spoken_of_exists():
    known = {variable_of(name) for name in (*RULES, "roots", "prices", "config", "token")}
    known |= {*SECRETS, *(f"{name}_FILE" for name in SECRETS)}
    spoken = {
        name
        for document in documents()
        for name in re.findall(rf"\b{PREFIX}[A-Z_]+", read(document))
    }

    assert spoken - known == set()


def test_the_example_marks_what_changes_live():
    text = read(ROOT / "docs/sessionwatch.example.toml")
    named = re.findall(r"^(\w+) = .*?# live:", text.partition("[limits]")[0], re.M)

    assert set(named) == LIVE & set(re.findall(r"^(\w+) = ", text.partition("[limits]")[0], re.M))


# Commands and flags.


@pytest.mark.parametrize("words", commands())
def test_every_command_teaches_by_example(words):
    shown = CliRunner().invoke(cli.app, [*words.split(), "--help"]).stdout
    about, _, rest = shown.partition("\n\n")[2].partition("\n\n")

    assert about.strip()
    assert re.search(rf"^  (\$ )?sessionwatch {words}\b", rest, re.M), shown


@pytest.mark.parametrize("words", commands())
def test_every_command_and_flag_is_documented(words):
    text = section(CLI, words)

    assert f"    sessionwatch {words}" in text
    assert flags(words) - set(FLAG.findall(text)) == set()


def test_every_documented_command_exists():
    titles = set(re.findall(r"^## ([a-z][a-z -]*)$", read(CLI), re.M))
    shown = {
        words
        for document in documents()
        for words in re.findall(
            r"\bsessionwatch ((?:(?:config|memory|model|people|token) )?[a-z][a-z-]*)\b",
            code(read(document)),
        )
    }

    assert titles == set(commands())
    assert shown - set(commands()) - {"config", "memory", "model", "people", "token"} == set()


def test_every_documented_flag_exists():
    known = set().union(*map(flags, commands())) | {"--help", "--version"}
    spoken = {
        flag
        for document in documents()
        for line in code(read(document)).splitlines()
        if "sessionwatch " in line and not re.search(r"\b(docker|pip|install|systemctl)\b", line)
        for flag in FLAG.findall(line)
    }

    assert spoken - known - FOREIGN == set()


def test_the_exit_codes_are_those_of_the_command():
    assert sorted(re.findall(r"^\| (\d) \|", section(CLI, "Exit codes"), re.M)) == list("01234")


# Routes.


ENDPOINTS = {
    f"{one.method} {one.path.replace(':path', '')}": one for one in all_endpoints(no_parts())
}


def test_every_route_is_documented_and_every_documented_one_exists():
    titles = set(re.findall(r"^## ((?:GET|POST|PUT|PATCH|DELETE) /\S*)$", read(API), re.M))

    assert titles == ENDPOINTS.keys()


def test_what_only_the_private_socket_offers_says_so():
    for title, endpoint in ENDPOINTS.items():
        assert section(API, title).strip().startswith("Private socket.") == endpoint.private


def test_every_parameter_of_a_route_is_documented():
    for title, endpoint in ENDPOINTS.items():
        fields = (*endpoint.query.__struct_encode_fields__, *_names(endpoint.body))
        assert [name for name in fields if f"`{name}`" not in section(API, title)] == []


def _names(body):
    return body.__struct_encode_fields__ if body else ()


# Alerts and the rest.


def test_every_alert_says_what_to_do():
    alerts = set(re.findall(r"- alert: (\w+)", read(ROOT / "ops/alerts.yml")))
    listed = re.findall(
        r"^\| (Sessionwatch\w+) \| .+ \| .+ \|$", section(OPERATIONS, "Alerts"), re.M
    )

    assert sorted(listed) == sorted(alerts)


def test_every_reason_of_blindness_says_what_to_do():
    table = read(ROOT / "docs/reliability.md").partition("| reason | what to do |\n")[2]
    rows = table.partition("\n\n")[0].splitlines()[1:]
    listed = [reason for row in rows for reason in re.findall(r"`(\w+)`", row.split(" | ")[0])]

    assert sorted(listed) == sorted(REMEDIES.keys() - {"not_started"})


def test_links_within_a_document_lead_to_a_heading():
    lost = []
    for document in documents():
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", read(document)):
            text = read(document.parent / target if target else document)
            titles = re.findall(r"^#+ (.+)$", text, re.M)
            slugs = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
            if anchor not in slugs:
                lost.append(f"{document.name}: {target}#{anchor}")

    assert lost == []


def code(text):
    """The parts of a Markdown text that are set as code."""
    return "\n".join(re.findall(r"^ {4}.+$|`[^`\n]+`", text, re.M))
