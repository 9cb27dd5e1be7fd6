-- Which set of ledger tables took the place of which. A row is written before an exchange, and again once it is done.
CREATE TABLE IF NOT EXISTS switches
(
    number UInt64,
    done   UInt8,
    at_ms  Int64,                            -- when it began
    before String,                           -- the comments of the two sets, by which their tables are known
    after  String
)
ENGINE = MergeTree
ORDER BY (number, done)
SETTINGS max_suspicious_broken_parts = 0;
