-- max_suspicious_broken_parts = 0: a part that a power cut or a bad disk broke stops the store with a sentence. By
-- default the engine would leave it out, and every number would be wrong in silence.

-- The ledger: signed lines. The key (tenant, position, line) makes a line told twice one line.
CREATE TABLE IF NOT EXISTS postings
(
    tenant          LowCardinality(String),
    position        UInt64,                  -- the event that caused the line
    line            UInt32,
    book            LowCardinality(String),  -- the kind of entity
    entity          String,
    measure         LowCardinality(String),
    at_ms           Int64,                   -- takes effect, on the occurred clock
    event           UInt64,                  -- the event it comes from
    count           Int64,
    amount          Int64,                   -- minor units of currency
    cost            Int64,
    currency        LowCardinality(String),
    basis_ms        Int64,                   -- the moment whose organisation and exchange rate apply
    since_ms        Int64,
    until_ms        Int64,
    local           UInt8,                   -- at_ms is a calendar day
    rep_id          LowCardinality(String),
    team_id         LowCardinality(String),
    region          LowCardinality(String),
    product         LowCardinality(String),
    channel         LowCardinality(String),
    campaign        LowCardinality(String),
    segment         LowCardinality(String),
    manager_id      LowCardinality(String),
    customer        String,
    lead            String,
    deal            String,
    pipeline        LowCardinality(String),
    stage           LowCardinality(String),
    to_stage        LowCardinality(String),
    kind            LowCardinality(String),
    direction       LowCardinality(String),
    category        LowCardinality(String),
    reason          LowCardinality(String),
    competitor      LowCardinality(String),
    respondent      String,
    outcome         LowCardinality(String),
    probability_ppm Int32,
    attributes      Map(LowCardinality(String), String)
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, measure, at_ms, position, line)
SETTINGS max_suspicious_broken_parts = 0;

-- Every applied event, by the entity it is about: histories to fold, definitions, and the evidence of a receipt.
CREATE TABLE IF NOT EXISTS history
(
    tenant      LowCardinality(String),
    book        LowCardinality(String),
    entity      String,
    position    UInt64,
    recorded_ms Int64,
    at_ms       Int64,
    source      LowCardinality(String),
    id          String,
    type        LowCardinality(String),
    parked      LowCardinality(String),      -- why it could not be posted; empty: it was
    body        String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, book, entity, position)
SETTINGS max_suspicious_broken_parts = 0;

-- How far each tenant's ledger goes. Written after the lines.
CREATE TABLE IF NOT EXISTS checkpoints
(
    tenant      LowCardinality(String),
    position    UInt64,
    recorded_ms Int64,
    lines       UInt64                       -- how many lines the ledger has up to here
)
ENGINE = ReplacingMergeTree(position)
ORDER BY tenant
SETTINGS max_suspicious_broken_parts = 0;

-- Facts about the store itself: which tables were made, by which definitions.
CREATE TABLE IF NOT EXISTS schema_versions
(
    version UInt32,
    digest  String
)
ENGINE = ReplacingMergeTree
ORDER BY version;
