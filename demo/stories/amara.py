"""Amara keeps a web shop running: a failing test, a search by a subagent, a long refactoring."""

from collections.abc import Iterator

from demo.calls import agent, bash, denied, edit, grep, read, task, write
from demo.transcript import Transcript, Where

SHOP = Where("amara", "/home/amara/code/webshop", "main", "claude-opus-4-7")

CART = '''
"""Shopping cart: lines, discounts and the total in cents."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    sku: str
    quantity: int
    unit_price: float


def subtotal(lines: list[Line]) -> float:
    return sum(line.quantity * line.unit_price for line in lines)


def discount(amount: float, percent: int) -> float:
    return amount * percent / 100


def total(lines: list[Line], percent: int = 0) -> float:
    amount = subtotal(lines)
    return amount - discount(amount, percent)
'''

CART_TEST = """
import pytest

from shop.cart import Line, total


@pytest.mark.parametrize(
    ("quantity", "price", "percent", "expected"),
    [(1, 19.99, 0, 19.99), (3, 19.99, 10, 53.97), (7, 0.1, 0, 0.7)],
)
def test_total(quantity, price, percent, expected):
    assert total([Line("SKU-1", quantity, price)], percent) == expected
"""

FAILING = """\
============================= test session starts ==============================
collected 41 items

tests/test_cart.py .FF                                                   [  7%]
tests/test_checkout.py ..............                                    [ 41%]
tests/test_stock.py ........................                             [100%]

=================================== FAILURES ===================================
E       assert 53.973 == 53.97
E       assert 0.7000000000000001 == 0.7
=========================== short test summary info ============================
FAILED tests/test_cart.py::test_total[3-19.99-10-53.97]
FAILED tests/test_cart.py::test_total[7-0.1-0-0.7]
========================= 2 failed, 39 passed in 1.84s ========================="""

PASSING = """\
============================= test session starts ==============================
collected 41 items

tests/test_cart.py ...                                                   [  7%]
tests/test_checkout.py ..............                                    [ 41%]
tests/test_stock.py ........................                             [100%]

============================== 41 passed in 1.79s =============================="""


def cents() -> Iterator[Transcript]:
    """A failing test, a wrong first repair, and a rule the user wants kept."""
    t = Transcript(SHOP, "2026-10-12T08:14:00", "amara/cents")
    t.note("permission-mode", permissionMode="acceptEdits")
    t.attach("hook_success", hookName="SessionStart:startup", hookEvent="SessionStart", exitCode=0)
    t.prompt("two cart tests fail since yesterday, can you find out why?")
    t.answer(
        "I'll run the cart tests and look at the module they cover.",
        bash("python -m pytest -q tests", FAILING, exit_code=1, seconds=4),
        read("/home/amara/code/webshop/shop/cart.py", CART),
        read("/home/amara/code/webshop/tests/test_cart.py", CART_TEST),
        thinking=True,
    )
    t.answer(
        "The totals are floats, so the sums carry binary rounding errors. Rounding the result fixes both."
    )
    t.answer(
        "",
        edit(
            "/home/amara/code/webshop/shop/cart.py",
            "    return amount - discount(amount, percent)",
            "    return round(amount - discount(amount, percent), 2)",
        ),
    )
    t.done()
    t.prompt(
        "no, don't round at the end. prices in this repo are integer cents everywhere, floats are a bug"
    )
    t.answer(
        "Understood: integer cents throughout. Let me see who still passes floats.",
        grep(
            "unit_price|subtotal\\(",
            "shop/cart.py:10:    unit_price: float",
            "shop/cart.py:13:def subtotal(lines: list[Line]) -> float:",
            "shop/checkout.py:31:    amount = subtotal(order.lines)",
            "shop/importer.py:58:    unit_price=float(row['price']),",
            "tests/test_cart.py:11:    [(1, 19.99, 0, 19.99), (3, 19.99, 10, 53.97), (7, 0.1, 0, 0.7)],",
        ),
        thinking=True,
    )
    t.answer(
        "Three places: the dataclass, the importer and the test table.",
        edit(
            "/home/amara/code/webshop/shop/cart.py",
            "    unit_price: float\n\n\ndef subtotal(lines: list[Line]) -> float:",
            "    unit_price_cents: int\n\n\ndef subtotal_cents(lines: list[Line]) -> int:",
        ),
        edit(
            "/home/amara/code/webshop/shop/importer.py",
            "    unit_price=float(row['price']),",
            "    unit_price_cents=int(Decimal(row['price']) * 100),",
        ),
        edit(
            "/home/amara/code/webshop/tests/test_cart.py",
            "    [(1, 19.99, 0, 19.99), (3, 19.99, 10, 53.97), (7, 0.1, 0, 0.7)],",
            "    [(1, 1999, 0, 1999), (3, 1999, 10, 5398), (7, 10, 0, 70)],",
        ),
    )
    t.answer("", bash("python -m pytest -q tests", PASSING, seconds=4))
    t.answer(
        "All 41 tests pass. Discounts are rounded half up to whole cents in one place, `discount_cents`, "
        "and no float is left in `shop/`."
    )
    t.done()
    t.prompt("commit it. and remember: cents as int, names end in _cents")
    t.answer(
        "",
        bash(
            "git commit -qam 'Keep money in integer cents' && git log --oneline -1",
            "4f1c2ab Keep money in integer cents",
        ),
    )
    t.answer("Committed as 4f1c2ab.")
    t.done()
    t.note("last-prompt", lastPrompt="commit it. and remember: cents as int, names end in _cents")
    t.note("ai-title", aiTitle="Cart totals in integer cents")
    yield t


def stock_search() -> Iterator[Transcript]:
    """A question answered by a subagent with a transcript of its own."""
    t = Transcript(SHOP, "2026-10-13T13:02:00", "amara/stock")
    t.prompt("where do we decide that an article is out of stock? I count at least three places")
    scout = t.subagent("a7c31f09be24d815c")
    prompt = (
        "Find every place in /home/amara/code/webshop that decides whether an article is in stock."
    )
    report = (
        "Four places decide it:\n"
        "1. `shop/stock.py:22` `available()` (reservations subtracted)\n"
        "2. `shop/checkout.py:77` compares `on_hand` directly\n"
        "3. `shop/feed.py:41` exports `on_hand > 0`\n"
        "4. `templates/article.html:18` hides the button on `on_hand == 0`\n"
        "Only the first one knows about reservations."
    )
    t.answer(
        "I'll let an explorer search the whole tree.",
        agent("Explore", scout.agent, "Find stock decisions", prompt, report, seconds=48, calls=5),
        thinking=True,
    )
    t.answer(
        "There are four, and three of them ignore reservations, so two customers can buy the last article. "
        "Everything should ask `available()`. Shall I change the checkout, the feed and the template?"
    )
    t.done()
    t.prompt("yes, but leave the feed alone, the marketplace wants physical stock", after_s=95)
    t.answer(
        "Then the feed gets a comment saying so.",
        edit(
            "/home/amara/code/webshop/shop/checkout.py",
            "        if article.on_hand < line.quantity:",
            "        if available(article) < line.quantity:",
        ),
        edit(
            "/home/amara/code/webshop/shop/feed.py",
            "    in_stock = article.on_hand > 0",
            "    # Physical stock on purpose: the marketplace counts reservations itself.\n"
            "    in_stock = article.on_hand > 0",
        ),
    )
    t.answer("", bash("python -m pytest -q tests", PASSING, seconds=4))
    t.answer("Done: checkout and template ask `available()`, the feed is unchanged but says why.")
    t.done()
    t.note("ai-title", aiTitle="One answer to: is it in stock?")
    yield t

    scout.model = "claude-haiku-4-5-20251001"
    scout.prompt(prompt, after_s=0.3)
    scout.answer(
        "",
        grep("on_hand", *(f"shop/{name}.py:{line}:    on_hand" for name, line in PLACES)),
        grep(
            "in_stock|available\\(",
            "shop/stock.py:22:def available(article):",
            "shop/feed.py:41:    in_stock =",
        ),
    )
    scout.answer("", read("/home/amara/code/webshop/shop/stock.py", STOCK))
    scout.answer(
        "",
        bash(
            "grep -rn on_hand templates",
            "templates/article.html:18:  {% if article.on_hand == 0 %}",
        ),
        bash(
            "git log --oneline -3 -- shop/feed.py",
            "9d0c1e7 Marketplace feed\n51aa2f0 Feed: escape names",
        ),
    )
    scout.answer(report)
    yield scout


PLACES = (
    ("stock", 9),
    ("stock", 25),
    ("checkout", 77),
    ("feed", 41),
    ("importer", 63),
    ("models", 114),
)

STOCK = '''
"""What can still be sold: what lies on the shelf minus what others have reserved."""

from shop.models import Article, Reservation


def reserved(article: Article) -> int:
    return sum(r.quantity for r in Reservation.open_for(article))


def available(article: Article) -> int:
    return max(article.on_hand - reserved(article), 0)
'''


def templates() -> Iterator[Transcript]:
    """A long refactoring: slash commands, a task list, a compaction and a refused command."""
    t = Transcript(SHOP, "2026-10-15T07:31:00", "amara/templates")
    t.command("model", "sonnet", "Set model to sonnet (claude-sonnet-4-6)")
    t.model = "claude-sonnet-4-6"
    pages = ("article", "basket", "checkout", "account", "orders", "returns", "search", "imprint")
    t.prompt(
        "move the eight page templates to the new layout, one commit each, run the page tests in between"
    )
    t.answer(
        "Eight pages, so eight tasks.",
        *(
            task(f"Move {page}.html to the new layout", number)
            for number, page in enumerate(pages, 1)
        ),
        thinking=True,
    )
    for number, page in enumerate(pages, start=1):
        path = f"/home/amara/code/webshop/templates/{page}.html"
        t.answer(f"Now {page}.html.", read(path, _old_page(page)))
        t.answer("", write(path, _new_page(page)))
        passed = f"{18 + number} passed in 0.{60 + number}s"
        t.answer("", bash(f"python -m pytest -q tests/pages -k {page}", passed, seconds=2))
        t.answer("", bash(f"git commit -qam 'Layout: {page}'", ""))
        if number == 5:
            t.compact(
                "The user asked to move eight page templates to the new layout, one commit each, with the page "
                "tests run in between. Done: article, basket, checkout, account, orders. Left: returns, search, "
                "imprint. The new layout is `layout/base.html`; blocks are `title`, `main` and `aside`."
            )
    t.answer(
        "", denied("Bash", {"command": "git push origin main", "description": "Push the commits"})
    )
    t.prompt("never push from here, CI does that after review")
    t.answer(
        "I won't push. All eight pages are on the new layout, one commit each, and the page tests pass."
    )
    t.done()
    t.command("context", "", "Context usage: 61k / 200k tokens (30%)")
    t.note("ai-title", aiTitle="Eight pages on the new layout")
    yield t


def _old_page(page: str) -> str:
    rows = "\n".join(
        f'  <tr><td class="k">{page} {n}</td><td>{{{{ row_{n} }}}}</td></tr>' for n in range(1, 13)
    )
    return f"<html>\n<head><title>{page}</title></head>\n<body>\n<table>\n{rows}\n</table>\n</body>\n</html>\n"


def _new_page(page: str) -> str:
    rows = "\n".join(f"  <dt>{page} {n}</dt><dd>{{{{ row_{n} }}}}</dd>" for n in range(1, 13))
    head = f'{{% extends "layout/base.html" %}}\n{{% block title %}}{page}{{% endblock %}}\n'
    return f"{head}{{% block main %}}\n<dl>\n{rows}\n</dl>\n{{% endblock %}}\n"


STORIES = (cents, stock_search, templates)
