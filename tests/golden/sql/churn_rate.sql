SELECT p.place AS bucket, toString(if(f.f_region != '', f.f_region, if(p.region != '', p.region, a.a_region))) AS by0, uniqExactIf(p.customer, churned AND to_ms < e) AS value0, uniqExact(p.customer) AS value1
FROM (SELECT *, {starts:Array(Int64)}[place + 1] AS s, {ends:Array(Int64)}[place + 1] AS e
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
                                WHERE count > 0) AS u
                            LEFT JOIN (SELECT book, entity, bought_ms, min(at_ms) AS back_ms
                                FROM (SELECT book, entity, until_ms AS bought_ms, at_ms, sum(count) AS n
                                    FROM {postings}
                                    WHERE tenant = {tenant:String}
                                    AND position <= {cut:UInt64}
                                    AND measure = 'won'
                                    AND outcome = 'taken_back'
                                    GROUP BY ALL
                                    HAVING n != 0)
                                GROUP BY book, entity, bought_ms
                                UNION ALL SELECT book, entity, bought_ms, min(at_ms) AS back_ms
                                FROM (SELECT book, entity, since_ms AS bought_ms, at_ms, sum(count) AS n
                                    FROM {postings}
                                    WHERE tenant = {tenant:String}
                                    AND position <= {cut:UInt64}
                                    AND measure = 'order_returned'
                                    AND 1
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
                LIMIT 1 BY customer, to_ms, churn_event)))) AS p
ASOF LEFT JOIN (SELECT customer AS f_customer, at_ms AS f_ms, argMax(region, event) AS f_region, argMax(segment, event) AS f_segment
    FROM (SELECT customer, at_ms, event, region, segment
        FROM (SELECT position, count, customer, at_ms, event, region, segment
            FROM {postings}
            WHERE tenant = {tenant:String}
            AND position <= {cut:UInt64}
            AND count != 0
            AND measure = 'profile'
            ORDER BY position DESC, count DESC
            LIMIT 1 BY event)
        WHERE count > 0)
    GROUP BY f_customer, f_ms) AS f ON p.customer = f.f_customer
AND p.s > f.f_ms
ASOF LEFT JOIN (SELECT each[1] AS a_rep, each[2] AS a_ms, each[3] AS a_team_id, each[4] AS a_region, each[5] AS a_manager_id
    FROM (SELECT splitByChar(char(31), arrayJoin(splitByChar(char(30), {assigned:String}))) AS each)) AS a ON p.rep_id = a.a_rep
AND p.basis_ms >= toInt64OrZero(a.a_ms)
WHERE 1
GROUP BY ALL;
-- tenant = 'default'
-- cut = 42
-- starts = [1767196800000, 1774972800000]
-- ends = [1774972800000, 1782835200000]
-- places = [0, 1]
-- assigned = 'rep-7\x1f1767225600000\x1f\x1f华东\x1f'
