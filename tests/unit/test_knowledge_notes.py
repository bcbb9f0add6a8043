"""Notes taken apart into statements, and what they are about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.labels import DOMAINS, TOPICS, domain, entities, sensitivity, topics
from knowledge.notes import statements

NOTE = """\
---
owner: ada
---
# Finance
Revenue is reported net of refunds. Churn is measured monthly, e.g. on day one.
This paragraph goes on
over two lines.

- Use `net_revenue_usd` for the dashboard
  and for nothing else
  - Invoices are due in 14 days
- [ ] Refunds need two approvals
1. Prices are shown in EUR

```sql
select this from that where it is code
```

| table | with cells |
|---|---|

    indented code is no statement

<!-- nor is a comment
of two lines -->
## Personal
- I prefer dark mode everywhere

Infrastructure
--------------
Backups are kept for 30 days in the cluster.
Is the backup tested every week?
@other-file.md
https://example.com/a/b
Read this:
<team-knowledge v="1" sha="x">
- Something the base delivered before
</team-knowledge>
"""


def test_a_note_is_taken_apart_into_statements():
    found = [(s.line, s.headings, s.text) for s in statements(NOTE)]

    assert found == [
        (5, ("Finance",), "Revenue is reported net of refunds."),
        (5, ("Finance",), "Churn is measured monthly, e.g. on day one."),
        (5, ("Finance",), "This paragraph goes on over two lines."),
        (9, ("Finance",), "Use `net_revenue_usd` for the dashboard and for nothing else"),
        (11, ("Finance",), "Invoices are due in 14 days"),
        (12, ("Finance",), "Refunds need two approvals"),
        (13, ("Finance",), "Prices are shown in EUR"),
        (27, ("Finance", "Personal"), "I prefer dark mode everywhere"),
        (31, ("Infrastructure",), "Backups are kept for 30 days in the cluster."),
    ]


def test_a_statement_has_domain_topics_and_names():
    by_line = {s.line: s for s in statements(NOTE)}

    assert by_line[9].domain == "finance"
    assert by_line[9].entities == ("net_revenue_usd",)
    assert "reports" in by_line[9].tags
    assert by_line[31].domain == "infrastructure"


def test_what_stands_under_a_private_heading_is_personal():
    (mine,) = [s for s in statements(NOTE) if s.personal]

    assert mine.text == "I prefer dark mode everywhere"


def test_the_same_statement_twice_is_one():
    assert len(statements("- Churn is monthly\n- churn is **monthly**.\n")) == 1


def test_line_ends_and_a_byte_order_mark_change_nothing():
    plain = statements(NOTE)

    assert statements("\ufeff" + NOTE.replace("\n", "\r\n")) == plain


def test_a_fence_is_closed_by_its_own_kind_only():
    closed = "````\n```\n- this is still code\n````\n- this is a statement\n"
    text = closed + "~~~\n- code that never ends\n"

    assert [s.text for s in statements(text)] == ["this is a statement"]


@given(st.text(alphabet=st.sampled_from("ab -*#`~|>.\n\r\t1é<"), max_size=200))
def test_any_document_is_read_and_no_word_is_made_up(document):
    words = set(document.split())
    for said in statements(document):
        assert 1 <= said.line <= document.count("\n") + 1
        assert all(any(word in known for known in words) for word in said.text.split())


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The staging password is hunter22", "credentials"),
        ("Das Passwort lautet: geheim", "credentials"),
        ("Heslo do testu je tajne123", "credentials"),
        ("Connect with postgres://app:pw1@db/prod", "credentials"),
        ("Use ghp_abcdefghijklmnop1234 for pulls", "credentials"),
        ("Write to jane.doe@example.com", "contact"),
        ("Call +420 601 234 567 at night", "contact"),
        ("Jana is on sick leave, diagnosis pending", "health"),
        ("Petra je těhotná", "health"),
        ("Sein Gehalt steigt im Mai", "pay"),
        ("Su sueldo es confidencial", "pay"),
        ("Tom was fired in March", "person"),
        ("I prefer tabs over spaces", "private"),
        ("Mon chef est absent", "private"),
        ("!!! ???", "unclear"),
        ("x " * 2000, "unclear"),
    ],
)
def test_a_sensitive_statement_gets_its_label(text, label):
    assert label in sensitivity(text)


@pytest.mark.parametrize(
    "text",
    [
        "Passwords are hashed with argon2",
        "The retry limit is 5",
        "Plateforme de test à Paris",
        "Invoices are due in 14 days",
        "Die Plattform läuft auf Kubernetes",
    ],
)
def test_an_ordinary_statement_has_no_label(text):
    assert sensitivity(text) == frozenset()


def test_topics_are_at_most_three_of_the_vocabulary():
    text = "The export pipeline writes a report table, alerts on errors and needs a role"

    assert len(topics(text)) == 3
    assert set(topics(text)) <= set(TOPICS)
    assert topics("nothing of that kind") == ()
    assert len(TOPICS) == 12


def test_a_draw_between_domains_is_left_to_a_person():
    assert domain("invoice") == "finance"
    assert domain("invoice server") == ""
    assert domain("nothing") == ""
    assert set(DOMAINS) == {
        "finance",
        "engineering",
        "product",
        "data",
        "operations",
        "infrastructure",
    }


def test_entities_are_identifiers_names_and_those_known():
    found = entities("The data warehouse feeds `orders_v2` of Snowflake", ["Data Warehouse", "CRM"])

    assert found == ("data warehouse", "orders_v2", "snowflake")
