SELECT p.place AS bucket, toString(if(p.profile.3 != '', p.profile.3, if(p.region != '', p.region, {org_region:Array(String)}[roundDown(transform(p.rep_id, {org_keys:Array(String)}, {org_offsets:Array(Int64)}, {org_absent:Int64}) + least(greatest(p.basis_ms, {org_first:Int64}), {org_last:Int64}) * {org_size:Int64}, {org_steps:Array(Int64)}) % {org_size:Int64} + 1]))) AS by0, uniqExactIf(p.customer, churned AND to_ms < e) AS value0, uniqExact(p.customer) AS value1
FROM (SELECT *, {starts:Array(Int64)}[place + 1] AS s, {ends:Array(Int64)}[place + 1] AS e, arrayLast(each -> each.1 < s, known) AS profile
    FROM (SELECT * EXCEPT places, arrayJoin(places) AS place
        FROM (SELECT *, 1 AS count, arrayFilter((place, s, e) -> at_ms < s AND to_ms >= s, {places:Array(Int64)}, {starts:Array(Int64)}, {ends:Array(Int64)}) AS places
            FROM (SELECT *
                FROM (SELECT * EXCEPT (next_ms, next_event, back_ms), if(churned, next_ms, back_ms) AS to_ms, if(churned, next_event, 0) AS churn_event
                    FROM (SELECT p.*, c.at_ms AS next_ms, c.event AS next_event, next_event != 0
                        AND next_ms <= back_ms AS churned
                        FROM (SELECT u.*, if(t.back_ms = 0, toInt64(9000000000000000), t.back_ms) AS back_ms
                            FROM (SELECT book, entity, customer, at_ms, event, region, rep_id, basis_ms
                                FROM (SELECT position, count, book, entity, customer, at_ms, event, region, rep_id, basis_ms
                                    FROM {postings}
                                    WHERE tenant = {tenant:String}
                                    AND position <= {cut:UInt64}
                                    AND count != 0
                                    AND measure IN ('won', 'order', 'returned')
                                    AND customer != ''
                                    AND outcome = ''
                                    AND (amount != 0 OR measure = 'returned')
                                    ORDER BY position DESC, count DESC
                                    LIMIT 1 BY event)
                                WHERE count > 0) AS u LEFT ANY JOIN (SELECT book, entity, bought_ms, min(moment) AS back_ms
                                FROM (SELECT book, entity, if(measure = 'won', until_ms, since_ms) AS bought_ms, at_ms AS moment, sum(count) AS n
                                    FROM {postings}
                                    WHERE tenant = {tenant:String}
                                    AND position <= {cut:UInt64}
                                    AND ((measure = 'won' AND outcome = 'taken_back') OR measure = 'order_returned')
                                    GROUP BY ALL
                                    HAVING n != 0)
                                GROUP BY book, entity, bought_ms) AS t ON u.book = t.book
                            AND u.entity = t.entity
                            AND u.at_ms = t.bought_ms) AS p
                        ASOF LEFT JOIN (SELECT customer, at_ms, event
                            FROM (SELECT position, count, customer, at_ms, event
                                FROM {postings}
                                WHERE tenant = {tenant:String}
                                AND position <= {cut:UInt64}
                                AND count != 0
                                AND measure = 'churned'
                                ORDER BY position DESC, count DESC
                                LIMIT 1 BY event)
                            WHERE count > 0) AS c ON p.customer = c.customer
                        AND toInt128(p.at_ms) * toInt128('18446744073709551616') + p.event < toInt128(c.at_ms) * toInt128('18446744073709551616') + c.event))
                ORDER BY at_ms, event
                LIMIT 1 BY customer, to_ms, churn_event)) AS r LEFT ANY JOIN (SELECT customer AS whose, arraySort(groupArray((at_ms, event, region))) AS known
            FROM (SELECT customer, at_ms, event, region
                FROM (SELECT position, count, customer, at_ms, event, region
                    FROM {postings}
                    WHERE tenant = {tenant:String}
                    AND position <= {cut:UInt64}
                    AND count != 0
                    AND measure = 'profile'
                    ORDER BY position DESC, count DESC
                    LIMIT 1 BY event)
                WHERE count > 0)
            GROUP BY whose) AS c ON r.customer = c.whose)) AS p
WHERE 1
GROUP BY ALL;
-- tenant = 'default'
-- cut = 42
-- starts = [1767196800000, 1774972800000]
-- ends = [1774972800000, 1782835200000]
-- places = [0, 1]
-- org_keys = ['rep-7']
-- org_offsets = [-3534451199993]
-- org_absent = -3534451200000
-- org_size = 2
-- org_first = 1767225599999
-- org_last = 1767225600000
-- org_steps = [0, 4, 7]
-- org_region = ['', '华东']
