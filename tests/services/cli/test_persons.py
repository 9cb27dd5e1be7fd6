"""Persons: forgotten on request, and shown what is held about them."""

from tests.services.cli.conftest import Run, event, lines

NOTHING = "Nothing was sealed about it: is the id right?"
LEAD = event("lead.created", "lead", "2026-09-01T09:00:00Z", lead_id="L-1", contact={"name": "Bo Canary"})


def test_who_is_erased_is_forgotten_and_who_was_never_told_is_doubted(run: Run) -> None:
    run("ingest", "-", stdin=lines(LEAD))
    assert "Bo Canary" in run("subject", "export", "lead:L-1").out

    known, unknown = run("erase", "lead:L-1", "--yes"), run("erase", "lead:L-404", "--yes")

    assert (known.code, unknown.code) == (0, 0)
    assert NOTHING not in known.out
    assert NOTHING in unknown.out
    assert "Bo Canary" not in run("subject", "export", "lead:L-1").out
    assert "was erased before" in run("erase", "lead:L-1", "--yes").out


def test_nobody_is_erased_unasked_or_by_half(run: Run) -> None:
    run("ingest", "-", stdin=lines(LEAD))

    for args in (["lead:L-1", "--json"], ["lead:L-1", "nobody", "--yes"]):
        assert run("erase", *args).code == 2

    assert run("subject", "erased").out == "Nobody was erased.\n"
    assert "Bo Canary" in run("subject", "export", "lead:L-1").out
