"""What is exported: an answer, its receipt, or the lines of the ledger behind one cell."""

from typing import Final, Literal

from projections.question import Question
from services.books import Books
from services.export.tabular import Tabular, answer_table, ledger_table, receipt_table
from services.laws import Laws
from services.receipt import explain

What = Literal["answer", "receipt", "ledger"]
WHATS: Final[tuple[What, ...]] = ("answer", "receipt", "ledger")
_LINE: Final = (
    "position, line, event, book, entity, measure, at_ms, count, amount, cost, currency, rep_id, stage, outcome, "
    "customer"
)


def exported(books: Books, question: Question, what: What) -> Tabular:
    """The table of a question. Raises BadQuestion; of a receipt or a ledger also where it names not one cell."""
    laws = {"laws": Laws().known(books).told()}
    if what == "answer":
        return answer_table(question, books.ask(question) | laws)
    receipt = explain(books, question) | laws
    if what == "receipt":
        return receipt_table(question, receipt)
    counted = [event["position"] for event in receipt["events"] if event["role"] == "counted"]
    lines = books.query(
        f"SELECT {_LINE} FROM {{postings}} WHERE tenant = {{tenant:String}} AND position <= {{position:UInt64}} "
        "AND event IN {events:Array(UInt64)} ORDER BY position, line",
        {"tenant": books.tenant, "position": receipt["cut"]["position"], "events": counted},
    )
    return ledger_table(question, receipt, lines)
