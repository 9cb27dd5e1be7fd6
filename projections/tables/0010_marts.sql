-- Marts: plain views for those who ask in SQL, and for Grafana, Superset, Tableau, Power BI. Their names and columns are
-- public. Each is what is known now, of all tenants; texts that are not known are NULL; amounts are in major units.

-- Tenants, how far their ledgers go, and the zone of their days. What lies above the position is not there.
CREATE VIEW IF NOT EXISTS mart_tenants AS
SELECT
    c.tenant AS tenant,
    c.position AS position,
    fromUnixTimestamp64Milli(c.recorded_ms, 'UTC') AS recorded_at,
    if(z.timezone = '', 'UTC', z.timezone) AS timezone
FROM
(
    SELECT tenant, cut.1 AS position, cut.2 AS recorded_ms
    FROM
    (
        SELECT tenant, argMax((position, recorded_ms), (epoch, owner, position)) AS cut FROM checkpoints AS k GROUP BY tenant
    )
    WHERE position > 0
) AS c
LEFT JOIN
(
    SELECT h.tenant AS tenant, argMax(JSONExtractString(body, 'data', 'timezone'), (at_ms, position)) AS timezone
    FROM history AS h
    WHERE book = 'calendar' AND parked = '' AND JSONExtractString(body, 'data', 'timezone') != '' AND (tenant, source, id) NOT IN
    (
        SELECT tenant, JSONExtractString(body, 'data', 'source'), JSONExtractString(body, 'data', 'id')
        FROM history AS v WHERE book = 'voiding'
    )
    GROUP BY tenant
) AS z ON c.tenant = z.tenant;

-- Every event in its place, on both clocks. What it tells is not here, for some of it is personal.
CREATE VIEW IF NOT EXISTS mart_events AS
SELECT
    h.tenant AS tenant, h.position AS position, h.type AS type, h.source AS source, h.id AS id, h.book AS entity_kind,
    h.entity AS entity, fromUnixTimestamp64Milli(h.at_ms, 'UTC') AS occurred_at,
    fromUnixTimestamp64Milli(h.recorded_ms, 'UTC') AS recorded_at, nullIf(h.parked, '') AS parked
FROM history AS h INNER JOIN mart_tenants AS t ON h.tenant = t.tenant
WHERE h.position <= t.position;

-- The ledger: signed lines, of which only sums mean something. A correction takes the old line back and adds the new one.
CREATE VIEW IF NOT EXISTS mart_ledger AS
WITH
    -- Ten thousandths in a minor unit: of most currencies it is a hundredth.
    transform(toString(p.currency),
        ['BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF',
         'XPF', 'BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND', 'CLF', 'UYW'],
        [10000, 10000, 10000, 10000, 10000, 10000, 10000, 10000, 10000, 10000, 10000, 10000, 10000, 10000, 10000, 10000,
         10000, 10, 10, 10, 10, 10, 10, 10, 1, 1], 100) AS minor
SELECT
    p.tenant AS tenant, p.position AS position, p.line AS line, p.event AS event, p.book AS entity_kind,
    p.entity AS entity, p.measure AS measure, nullIf(p.outcome, '') AS outcome,
    fromUnixTimestamp64Milli(p.at_ms, 'UTC') AS effective_at,
    if(p.local = 1, toDate(fromUnixTimestamp64Milli(p.at_ms, 'UTC'), 'UTC'),
        toDate(formatDateTime(fromUnixTimestamp64Milli(p.at_ms, 'UTC'), '%F', t.timezone))) AS day,
    if(p.since_ms = 0, NULL, fromUnixTimestamp64Milli(p.since_ms, 'UTC')) AS since_at,
    p.count AS count,
    if(p.currency = '', toDecimal128(0, 4), toDecimal128(toInt128(p.amount) * minor, 4) / 10000) AS amount,
    if(p.currency = '', toDecimal128(0, 4), toDecimal128(toInt128(p.cost) * minor, 4) / 10000) AS cost,
    nullIf(p.currency, '') AS currency,
    nullIf(p.rep_id, '') AS rep_id, nullIf(p.team_id, '') AS team_id, nullIf(p.region, '') AS region, nullIf(p.product, '') AS product, nullIf(p.channel, '') AS channel, nullIf(p.campaign, '') AS campaign, nullIf(p.segment, '') AS segment,
    nullIf(p.customer, '') AS customer_id, nullIf(p.lead, '') AS lead_id, nullIf(p.deal, '') AS deal_id,
    nullIf(p.pipeline, '') AS pipeline, nullIf(p.stage, '') AS stage, nullIf(p.to_stage, '') AS to_stage, nullIf(p.kind, '') AS kind, nullIf(p.direction, '') AS direction, nullIf(p.category, '') AS category, nullIf(p.reason, '') AS reason, nullIf(p.competitor, '') AS competitor,
    p.attributes AS attributes
FROM postings AS p INNER JOIN mart_tenants AS t ON p.tenant = t.tenant
WHERE p.position <= t.position;

-- A row a deal, as it stands. Where it belongs is what was told last; closed_at and reason are empty while it is open.
CREATE VIEW IF NOT EXISTS mart_deals AS
SELECT
    s.tenant AS tenant, s.entity AS deal_id, last.pipeline AS pipeline, last.stage AS stage, s.status AS status,
    s.created_at AS created_at, if(s.status = 'open', NULL, last.effective_at) AS closed_at,
    multiIf(s.status = 'won', s.won_amount, s.status = 'lost', s.lost_amount, s.open_amount) AS amount,
    s.cost AS cost, last.currency AS currency, last.rep_id AS rep_id, last.team_id AS team_id, last.region AS region, last.product AS product, last.channel AS channel, last.campaign AS campaign, last.segment AS segment,
    last.customer_id AS customer_id, last.lead_id AS lead_id, last.reason AS reason, last.competitor AS competitor
FROM
(
    SELECT tenant, entity, if(sumIf(count, measure = 'won') > 0, 'won', if(sumIf(count, measure = 'lost') > 0, 'lost', 'open'))
            AS status,
        argMaxIf(effective_at, (position, count), measure = 'created') AS created_at,
        sumIf(amount, measure = 'won') AS won_amount, sumIf(amount, measure = 'lost') AS lost_amount,
        sumIf(amount, measure = 'pipeline') AS open_amount, sumIf(cost, measure = 'won') AS cost
    FROM mart_ledger AS l WHERE entity_kind = 'deal' GROUP BY tenant, entity HAVING sumIf(count, measure = 'created') > 0
) AS s
INNER JOIN
(
    SELECT * FROM
    (
        SELECT * FROM mart_ledger AS l
        WHERE count != 0 AND ((measure = 'pipeline' AND outcome IN ('entered', 'changed'))
            OR (measure IN ('won', 'lost') AND outcome IS NULL))
        ORDER BY position DESC, count DESC LIMIT 1 BY tenant, event
    )
    WHERE count > 0 ORDER BY effective_at DESC, event DESC LIMIT 1 BY tenant, entity
) AS last ON s.tenant = last.tenant AND s.entity = last.entity;

-- A row a purchase that stands: a win, an order, or an order that fulfils a deal. Its amount is what was told first; what
-- was corrected or refunded later is in mart_revenue_daily.
CREATE VIEW IF NOT EXISTS mart_purchases AS
SELECT
    tenant, if(measure = 'won', 'deal', 'order') AS entity_kind, entity, measure = 'fulfilment' AS fulfils_a_deal,
    effective_at AS bought_at, day, amount, currency, rep_id, team_id, region, product, channel, campaign, segment, customer_id, deal_id
FROM
(
    SELECT * FROM mart_ledger AS l WHERE measure IN ('won', 'order', 'fulfilment') AND outcome IS NULL AND count != 0
    ORDER BY position DESC, count DESC LIMIT 1 BY tenant, event
)
WHERE count > 0;

-- A row a customer. Revenue is wins and orders less refunds; where it is in several currencies it is NULL, and
-- currencies says which. A customer is churned who left and has not bought or returned since.
CREATE VIEW IF NOT EXISTS mart_customers AS
SELECT
    c.tenant AS tenant, c.customer_id AS customer_id, c.profile.1 AS region, c.profile.2 AS segment,
    if(b.purchases = 0, NULL, b.first_at) AS first_purchase_at, if(b.purchases = 0, NULL, b.last_at) AS last_purchase_at,
    b.purchases AS purchases, if(length(r.totals) = 1, r.totals[1].2, NULL) AS revenue,
    if(length(r.totals) = 1, r.totals[1].1, NULL) AS currency, arrayMap(total -> total.1, r.totals) AS currencies,
    if(c.left_at > greatest(b.last_at, c.returned_at), c.left_at, NULL) AS churned_at
FROM
(
    SELECT tenant, assumeNotNull(customer_id) AS customer_id,
        argMaxIf(tuple(region, segment), (effective_at, event), measure = 'profile') AS profile,
        maxIf(effective_at, measure = 'churned') AS left_at, maxIf(effective_at, measure = 'returned') AS returned_at
    FROM
    (
        SELECT * FROM mart_ledger AS l
        WHERE customer_id IS NOT NULL AND count != 0
            AND (entity_kind = 'customer' OR (measure IN ('won', 'order', 'fulfilment') AND outcome IS NULL))
        ORDER BY position DESC, count DESC LIMIT 1 BY tenant, event
    )
    WHERE count > 0 GROUP BY tenant, customer_id
) AS c
LEFT JOIN
(
    SELECT tenant, assumeNotNull(customer_id) AS customer_id, min(bought_at) AS first_at, max(bought_at) AS last_at,
        count() AS purchases
    FROM mart_purchases AS p WHERE p.customer_id IS NOT NULL GROUP BY tenant, customer_id
) AS b ON c.tenant = b.tenant AND c.customer_id = b.customer_id
LEFT JOIN
(
    SELECT tenant, customer_id, groupArray((currency, total)) AS totals FROM
    (
        SELECT tenant, assumeNotNull(customer_id) AS customer_id, assumeNotNull(currency) AS currency,
            sum(if(measure = 'refund', -amount, amount)) AS total
        FROM mart_ledger AS l
        WHERE measure IN ('won', 'order', 'refund') AND customer_id IS NOT NULL AND currency IS NOT NULL
        GROUP BY tenant, customer_id, currency ORDER BY currency
    )
    GROUP BY tenant, customer_id
) AS r ON c.tenant = r.tenant AND c.customer_id = r.customer_id;

-- Revenue, refunds and cost by day, currency and whatever was told of where they belong.
CREATE VIEW IF NOT EXISTS mart_revenue_daily AS
SELECT
    tenant, day, currency, rep_id, team_id, region, product, channel, campaign, segment,
    sumIf(count, measure = 'won') AS wins, sumIf(count, measure = 'order') AS orders,
    sumIf(amount, measure = 'won') AS bookings, sumIf(amount, measure IN ('won', 'order')) AS sales,
    sumIf(amount, measure = 'refund') AS refunds, sales - refunds AS revenue,
    sumIf(cost, measure IN ('won', 'order', 'fulfilment')) AS costs
FROM mart_ledger AS l WHERE measure IN ('won', 'order', 'fulfilment', 'refund')
GROUP BY tenant, day, currency, rep_id, team_id, region, product, channel, campaign, segment
HAVING wins != 0 OR orders != 0 OR sales != 0 OR refunds != 0 OR costs != 0;

-- What is open at the end of each day, from the first deal to the day of the latest event.
CREATE VIEW IF NOT EXISTS mart_pipeline_daily AS
SELECT tenant, day, pipeline, stage, currency, region, deals, amount
FROM
(
    SELECT tenant, pipeline, stage, currency, region, day,
        sum(deals_moved) OVER of_group AS deals, sum(amount_moved) OVER of_group AS amount
    FROM
    (
        SELECT tenant, pipeline, stage, currency, region, day, sum(deals_moved) AS deals_moved,
            sum(amount_moved) AS amount_moved
        FROM
        (
            SELECT tenant, pipeline, stage, currency, region, day, sum(count) AS deals_moved, sum(amount) AS amount_moved
            FROM mart_ledger AS l WHERE measure = 'pipeline' GROUP BY tenant, pipeline, stage, currency, region, day
            UNION ALL
            SELECT tenant, pipeline, stage, currency, region,
                arrayJoin(arrayMap(later -> first_day + later, range(toUInt32(greatest(last_day - first_day, 0)) + 1))) AS day,
                0 AS deals_moved, toDecimal128(0, 4) AS amount_moved
            FROM
            (
                SELECT l.tenant AS tenant, pipeline, stage, currency, region, min(day) AS first_day,
                    any(toDate(formatDateTime(t.recorded_at, '%F', t.timezone))) AS last_day
                FROM mart_ledger AS l INNER JOIN mart_tenants AS t ON l.tenant = t.tenant
                WHERE measure = 'pipeline' GROUP BY l.tenant, pipeline, stage, currency, region
            )
        )
        GROUP BY tenant, pipeline, stage, currency, region, day
    )
    WINDOW of_group AS (PARTITION BY tenant, pipeline, stage, currency, region ORDER BY day
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE deals != 0 OR amount != 0;

-- A row a touchpoint.
CREATE VIEW IF NOT EXISTS mart_touchpoints AS
SELECT
    tenant, effective_at AS occurred_at, day, kind, direction, measure = 'touchpoint_automated' AS automated,
    rep_id, team_id, region, product, channel, campaign, segment, lead_id, deal_id, customer_id
FROM
(
    SELECT * FROM mart_ledger AS l WHERE measure IN ('touchpoint', 'touchpoint_automated') AND count != 0
    ORDER BY position DESC, count DESC LIMIT 1 BY tenant, event
)
WHERE count > 0;

-- Spend by day: what was paid for a period lies on each of its days.
CREATE VIEW IF NOT EXISTS mart_spend AS
SELECT tenant, day, category, currency, rep_id, team_id, region, product, channel, campaign, segment, sum(l.amount) AS amount
FROM mart_ledger AS l WHERE measure = 'spend'
GROUP BY tenant, day, category, currency, rep_id, team_id, region, product, channel, campaign, segment HAVING amount != 0;

-- A row each time that a deal has left a stage: on to another one, won or lost.
CREATE VIEW IF NOT EXISTS mart_stage_visits AS
SELECT
    tenant, entity AS deal_id, pipeline, stage, since_at AS entered_at, effective_at AS left_at,
    (toUnixTimestamp64Milli(effective_at) - toUnixTimestamp64Milli(since_at)) / 86400000 AS days, outcome, to_stage,
    rep_id, team_id, region, product, channel, campaign, segment, customer_id
FROM
(
    SELECT * FROM mart_ledger AS l WHERE measure = 'pipeline' AND outcome IN ('moved', 'won', 'lost') AND count != 0
    ORDER BY position DESC, count ASC LIMIT 1 BY tenant, event
)
WHERE count < 0;
