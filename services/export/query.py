"""What is exported: an answer, its receipt, or the lines of the ledger behind one cell."""

from itertools import chain
from typing import Final, Literal

from projections.question import Question
from services.books import Books
from services.export.tabular import Tabular, answer_table, ledger_table, receipt_table
from services.laws import Laws
from services.receipt import pages

What = Literal["answer", "receipt", "ledger"]
WHATS: Final[tuple[What, ...]] = ("answer", "receipt", "ledger")
PAGE: Final = 20_000
"""Events of a receipt that are held at a time."""
_LINE: Final = (
    "position, line, event, book, entity, measure, at_ms, count, amount, cost, currency, rep_id, stage, outcome, "
    "customer"
)


def exported(books: Books, question: Question, what: What) -> Tabular:
    """The table of a question; that of a large receipt reads the books while its rows are taken. Raises BadQuestion; of
    a receipt or a ledger also where it names not one cell."""
    laws = {"laws": Laws().known(books).told()}
    if what == "answer":
        return answer_table(question, books.ask(question) | laws)
    walk = pages(books, question, PAGE)
    receipt = next(walk) | laws
    if what == "receipt":
        return receipt_table(question, receipt, walk if receipt["next"] is not None else None)
    counted = []
    for page in chain([receipt], walk):
        adding = [event["position"] for event in page["events"] if event["role"] == "counted"]
        counted += adding
        if len(adding) < PAGE:
            break  # those that count come first
    lines = books.query(
        f"SELECT {_LINE} FROM {{postings}} WHERE tenant = {{tenant:String}} AND position <= {{position:UInt64}} "
        "AND event IN {events:Array(UInt64)} ORDER BY position, line",
        {"tenant": books.tenant, "position": receipt["cut"]["position"], "events": counted},
    )
    return ledger_table(question, receipt, lines)
