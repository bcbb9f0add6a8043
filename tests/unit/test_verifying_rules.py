"""What phrase rules find, and above all what they leave alone."""

import pytest

from processors.verifying.candidates import Candidate, Domain
from processors.verifying.rules import LANGUAGES, found_by_rules
from processors.verifying.rules.language import languages_of
from processors.verifying.rules.sentences import sentences_of
from tests.tools.turns import turn, turns, windows


def found(text: str, reply: str = "") -> list[Candidate]:
    said = (f"agent: {reply}", text) if reply else (text,)
    return [one for window in windows(turns(*said)) for one in found_by_rules(window)]


@pytest.mark.parametrize(
    ("text", "reply", "kind"),
    [
        (
            "No, churn is computed weekly, not monthly.",
            "I assume churn is computed monthly here.",
            "correction",
        ),
        (
            "no, it's the gross amount, not the net amount",
            "The column holds the net amount of each invoice.",
            "correction",
        ),
        (
            "Actually, the warehouse refreshes every night.",
            "The warehouse refreshes hourly, so I use it directly.",
            "correction",
        ),
        ("Our fiscal year starts in March.", "", "definition"),
        ("MRR means monthly recurring revenue without discounts.", "", "definition"),
        (
            "By active customers we mean those with a paid invoice in the last 90 days.",
            "",
            "definition",
        ),
        ("We never bill in dollars, only in euros.", "", "definition"),
        (
            "Yes, exactly. The invoices table has one row per line item.",
            "So the invoices table has one row per line item?",
            "confirmation",
        ),
        (
            "Exactly, the fiscal year starts in March.",
            "I read that the fiscal year starts in March.",
            "confirmation",
        ),
        (
            "Nein, das Geschäftsjahr beginnt nicht im Januar, sondern im März.",
            "Das Geschäftsjahr beginnt im Januar.",
            "correction",
        ),
        ("Unser Geschäftsjahr beginnt im März.", "", "definition"),
        ("MRR bedeutet monatlich wiederkehrender Umsatz ohne Rabatte.", "", "definition"),
        (
            "Genau, die Tabelle rechnungen enthält eine Zeile pro Position.",
            "Enthält die Tabelle rechnungen eine Zeile pro Position?",
            "confirmation",
        ),
        (
            "Non, le chiffre d'affaires est hors taxes, pas toutes taxes comprises.",
            "Le montant est toutes taxes comprises.",
            "correction",
        ),
        ("Notre exercice fiscal commence en mars.", "", "definition"),
        (
            "Un client actif désigne un compte avec une commande dans les 90 jours.",
            "",
            "definition",
        ),
        (
            "Oui, exactement, la table factures contient une ligne par article.",
            "La table factures contient une ligne par article ?",
            "confirmation",
        ),
        (
            "No, el año fiscal no empieza en enero, sino en marzo.",
            "El año fiscal empieza en enero.",
            "correction",
        ),
        ("Nuestro año fiscal empieza en marzo.", "", "definition"),
        ("Churn significa clientes perdidos por mes sin pausas.", "", "definition"),
        (
            "Exacto, la tabla facturas tiene una fila por artículo.",
            "¿La tabla facturas tiene una fila por artículo?",
            "confirmation",
        ),
        (
            "Ne, fiskální rok nezačíná v lednu, ale v březnu.",
            "Fiskální rok začíná v lednu.",
            "correction",
        ),
        ("Náš fiskální rok začíná v březnu.", "", "definition"),
        ("Aktivní zákazník znamená účet s objednávkou za posledních 90 dní.", "", "definition"),
        (
            "Ano, přesně, tabulka faktury obsahuje jeden řádek na položku.",
            "Obsahuje tabulka faktury jeden řádek na položku?",
            "confirmation",
        ),
        ("Note that all amounts are stored in cents.", "", "definition"),
        ("fyi our staging cluster runs in eu-west-1", "", "definition"),
    ],
)
def test_a_phrase_says_what_a_person_did(text, reply, kind):
    (one,) = found(text, reply)

    assert one.kind == kind
    assert one.extractor == "rules"
    assert one.statement in text
    assert one.evidence[0].text in text


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("Does our fiscal year start in March?", ""),
        ("What if our fiscal year starts in March?", ""),
        ("If our fiscal year starts in March, the report is wrong.", ""),
        ("Maybe churn is weekly, not monthly.", "churn is monthly"),
        ("The customer said our fiscal year starts in March.", ""),
        ("Please use tabs, not spaces.", "I used spaces."),
        ("use the id, not the name", "I used the name."),
        ("yes please", "Shall I?"),
        ("No, leave the block as is.", "I removed the block."),
        ("Oh great, our tests are always green, sure.", ""),
        ("our button is blue, not red", "The button is red"),
        ("this test is flaky, not broken", "the test is broken"),
        ("I think our API uses REST, not GraphQL", "it uses GraphQL"),
        ("No, rename it to foo instead of bar.", "I named it bar"),
        ("We should always bill in euros.", ""),
        ("no", "x"),
        ("Bitte nutze Tabs, nicht Leerzeichen.", "Leerzeichen"),
        ("Unser Geschäftsjahr beginnt im März?", ""),
        ("Wenn unser Geschäftsjahr im März beginnt, ist das falsch.", ""),
        ("Vielleicht ist churn wöchentlich, nicht monatlich.", "churn ist monatlich"),
        ("Peut-être que notre exercice commence en mars.", ""),
        ("Est-ce que notre exercice commence en mars ?", ""),
        ("¿Nuestro año fiscal empieza en marzo?", ""),
        ("Quizás nuestro año fiscal empieza en marzo.", ""),
        ("Možná náš fiskální rok začíná v březnu.", ""),
        ("Začíná náš fiskální rok v březnu?", ""),
        ("nit: the variable is called total, not sum", "sum"),
        ("> Our fiscal year starts in March.\nwhat do you make of it?", ""),
        ("```\nOur fiscal year starts in March.\n```\nfix", ""),
        ('He wrote: "our fiscal year starts in March and ends in May"', ""),
        ("that's not it", "x"),
        ("wow, our deploys are always so fast lol", ""),
        ("my name is Bob, not Rob", "Hi Rob"),
        ("Our fiscal year starts in March, doesn't it?", ""),
        ("Suppose MRR means monthly revenue without discounts.", ""),
        ("ok so this means we need a new branch", ""),
        ("please remember that our fiscal year starts in March", ""),
        ("No, don't touch the config, I'll do it myself.", "I edited the config."),
        ("Actually let's go with option 2.", "Option 1 or option 2?"),
        ("Yes, go ahead and merge it.", "Shall I merge it?"),
        ("Exactly what I wanted, thanks.", "I changed the header."),
        ("our tests take forever and it is driving everyone crazy", ""),
        ("We use the same helper twice here, extract it.", ""),
        ("Every time I run it the server is dead", ""),
        ("All of the rows are gone after the migration", ""),
        ("The docs mean something else entirely.", ""),
        ("No that is not what I meant at all", "I did X."),
        ("the build is green, not red as you said", "The build is red."),
        ("We never had this problem before the refactoring of yesterday.", ""),
        ("Our customer wrote that our prices are net of tax.", ""),
        ("correct, the test fails on Windows only", "The test fails on Windows only?"),
        ("Genau, mach das so.", "Soll ich das so machen?"),
        ("Non, ce n'est pas ce que je voulais, mais bon.", "J'ai fait X."),
        ("No, eso no es lo que pedí.", "Hice X."),
        ("Ne, to není ono.", "Hotovo."),
        ("each of the three functions has a bug in the loop", ""),
        ("We only want the first page for now", ""),
        ("Our goal for this sprint is to ship the login", ""),
        ("Actually, the second screenshot is better.", "I made two screenshots."),
        ("No, the other one.", "I opened the first file."),
        ("Right, what about the second file?", "I changed the first file."),
        ("our CI has been red since the merge", ""),
        ("We use too many dependencies.", ""),
        ("It means nothing to me.", ""),
        ("Wrong file, sorry.", "I opened x."),
        ("All of this must be removed before the release.", ""),
        ("Our users complain that the page is slow.", ""),
        ("not what the spec says, but fine", "Done."),
        ("Every commit must be signed off by me before lunch.", ""),
        ("We never merged that.", "Merged."),
        (
            "Yes, the header is much better with the darker background.",
            "I made the header background darker.",
        ),
        ("The migration ran, not the seed.", "I ran the seed."),
        ("Ja, das Layout ist jetzt viel besser als vorher.", "Das Layout ist neu."),
        ("Wir haben das Problem seit dem letzten Deploy.", ""),
        ("Nous avons un problème avec la page.", ""),
        ("Nuestra reunión es a las cinco.", ""),
        ("Naše schůzka je v pět.", ""),
        ("our fiscal year starts in March, i think", ""),
        ("according to the wiki our fiscal year starts in March", ""),
        ("Our fiscal year starts in March: is that so?", ""),
        ("Our password: hunter22 is always the one for staging.", ""),
        ("2026-01-01T10:00:00 our fiscal year starts in March", ""),
        ("No.", "Our fiscal year starts in March."),
        ("Yes.", "Our fiscal year starts in March."),
        ("No, that's wrong.", "Our fiscal year starts in March."),
        ("Yes, the invoices look fine in every respect.", "I sent the mail."),
    ],
)
def test_what_states_nothing_is_left_alone(text, reply):
    assert found(text, reply) == []


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        (
            "No — customers in Liechtenstein are billed in Swiss francs, not euros.",
            "I'll bill customers in Liechtenstein in euros.",
        ),
        (
            "That's not right. The nightly export contains test accounts as well.",
            "The nightly export contains only real accounts.",
        ),
        ("SLA stands for the 4 hour first response we promise gold customers.", ""),
        ("In our data, refunds are negative rows in the same table.", ""),
        ("We count a trial as active after the third login.", ""),
        ("Our warehouse loads at 03:00 UTC so anything before that is stale.", ""),
        (
            "Correct, invoices older than ten years are deleted every January.",
            "So invoices older than ten years are deleted?",
        ),
        (
            "Nein, Kunden in Österreich zahlen brutto, nicht netto.",
            "Kunden in Österreich zahlen netto.",
        ),
        ("Bei uns heißt ein Auftrag erst nach der Freigabe Bestellung.", ""),
        ("Notre année fiscale se termine le 30 juin.", ""),
        ("Nuestros pedidos internacionales siempre incluyen el IVA del país de destino.", ""),
        ("Naše objednávky mají vždy číslo pobočky na začátku.", ""),
        ("Actually the retention job runs on Sundays.", "The retention job runs every night."),
        (
            "the orders table is partitioned by ship_date, not order_date",
            "I assume the orders table is partitioned by order_date.",
        ),
        (
            "No, the VAT rate for books is 7 percent, not 19.",
            "I'll use a VAT rate of 19 percent for books.",
        ),
        (
            "Wrong: the staging database is a nightly copy of production.",
            "The staging database has synthetic data.",
        ),
        ("a seat means one named login, shared logins count twice", ""),
        ("We treat pauses as churn after 60 days.", ""),
        ("Our region codes follow the old ERP and have two letters.", ""),
        ("Right, the ledger table is append only.", "So the ledger table is append only?"),
        ("We don't use feature flags for pricing changes.", ""),
        ("Each shop has its own tax profile in the ERP.", ""),
        ("Unsere Artikelnummern haben immer acht Stellen.", ""),
        (
            "Falsch, die Lieferzeit zählt ab Zahlungseingang, nicht ab Bestellung.",
            "Die Lieferzeit zählt ab Bestellung.",
        ),
        ("Chez nous, un avoir est toujours lié à une facture.", ""),
        ("Exactement, le stock compte les retours.", "Le stock compte les retours ?"),
        ("Cada tienda debe cerrar la caja antes de las diez.", ""),
        ("U nás faktura znamená i zálohový list.", ""),
    ],
)
def test_business_rules_are_found_in_many_wordings(text, reply):
    (one,) = found(text, reply)

    assert one.statement in text


def test_a_correction_names_the_claim_of_the_agent_that_it_rejects():
    (one,) = found(
        "No, it's weekly, not monthly.", "I read the code. Churn is computed monthly. Go on?"
    )

    assert one.rejected == "Churn is computed monthly."


def test_a_correction_whose_subject_only_the_conversation_knows_needs_the_claim():
    assert found("it's weekly, not monthly", "Shall I go on?") == []


def test_no_alone_opens_the_next_sentence():
    (one,) = found(
        "No, that's wrong. Our churn metric is lost revenue.", "Churn is lost customers."
    )

    assert (one.kind, one.statement) == ("correction", "Our churn metric is lost revenue.")
    assert one.evidence[0].start == 18


def test_no_alone_does_not_open_what_comes_later():
    (one,) = found("No. I did that. Our fiscal year starts in March.", "Done.")

    assert one.kind == "definition"


def test_a_statement_is_told_without_its_introduction_and_quoted_with_it():
    text = "Also, fyi, our fiscal year starts in March."
    (one,) = found(text)

    assert one.statement == "our fiscal year starts in March."
    assert one.evidence[0].text == text


def test_names_limits_and_a_domain_are_told():
    (one,) = found(
        "Our NPS in the `survey_scores` table is always rolling, never a quarterly metric."
    )

    assert one.entities == ("NPS", "survey_scores")
    assert one.qualifiers == ("always", "never", "quarterly")
    assert one.domain is Domain.DATA


def test_a_domain_that_is_not_clear_is_none():
    (one,) = found("Our atlas lives on the third floor.")

    assert one.domain is None


def test_each_sentence_gives_one_item_at_most_and_in_order():
    text = "Our fiscal year starts in March. What else? Our MRR is net of discounts."

    assert [one.evidence[0].start for one in found(text)] == [0, 44]


def test_a_window_gives_only_what_its_own_turns_say():
    (one,) = found("Our fiscal year starts in March.", "Our fiscal year starts in May.")

    assert "March" in one.statement


def test_sentences_keep_their_places():
    one = turn("It is v1.2, e.g. this one.  Is it?\n- A list item\n```\ncode\n```\nEnd.")

    sentences = list(sentences_of(one))
    assert [s.text for s in sentences] == [
        "It is v1.2, e.g. this one.",
        "Is it?",
        "A list item",
        "End.",
    ]
    assert all(one.text[s.start : s.end] == s.text for s in sentences)


@pytest.mark.parametrize("name", ["en", "de", "fr", "es", "cs"])
def test_a_language_is_told_by_its_common_words(name):
    language = next(one for one in LANGUAGES if one.name == name)

    assert languages_of(" ".join(sorted(language.common)), LANGUAGES) == [language]


def test_a_text_without_common_words_may_be_of_any_language():
    assert languages_of("MRR 42", LANGUAGES) == list(LANGUAGES)
