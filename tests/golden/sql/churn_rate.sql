SELECT p.place AS bucket, toString(if(f.f_region != '', f.f_region, if(p.region != '', p.region, a.a_region))) AS by0, uniqExactIf(p.customer, churned AND to_ms < e) AS value0, uniqExact(p.customer) AS value1
FROM (SELECT *, s, e, place
    FROM (SELECT customer, min(at_ms) AS from_ms, until_ms AS to_ms, left_us AS churned, left_event AS churn_event, 1 AS count, argMin(m.event, (at_ms, m.event)) AS event, argMin(book, (at_ms, m.event)) AS book, argMin(entity, (at_ms, m.event)) AS entity, argMin(region, (at_ms, m.event)) AS region, argMin(rep_id, (at_ms, m.event)) AS rep_id, argMin(basis_ms, (at_ms, m.event)) AS basis_ms
        FROM (SELECT *, arrayFirst(x -> x > (at_ms, event), churns) AS next, next.1 != 0
            AND next.1 <= back_ms AS left_us, if(left_us, next.1, back_ms) AS until_ms, if(left_us, next.2, 0) AS left_event
            FROM (SELECT customer, at_ms, event, book, entity, back_ms, region, rep_id, basis_ms, churns
                FROM (SELECT s.*, if(t.back_ms = 0, toInt64(9000000000000000), t.back_ms) AS back_ms
                    FROM (SELECT book, entity, customer, at_ms, event, region, rep_id, basis_ms
                        FROM {postings}
                        WHERE tenant = {tenant:String}
                        AND position <= {cut:UInt64}
                        AND measure IN ('won', 'order', 'returned')
                        AND customer != ''
                        AND outcome = ''
                        AND (amount != 0 OR measure = 'returned')
                        AND count > 0
                        AND (event NOT IN (SELECT event
                            FROM {postings}
                            WHERE tenant = {tenant:String}
                            AND position <= {cut:UInt64}
                            AND measure IN ('won', 'order', 'returned')
                            AND customer != ''
                            AND outcome = ''
                            AND (amount != 0 OR measure = 'returned')
                            AND count < 0) OR (event, position) IN (SELECT event, maxIf(position, count > 0)
                            FROM {postings}
                            WHERE tenant = {tenant:String}
                            AND position <= {cut:UInt64}
                            AND measure IN ('won', 'order', 'returned')
                            AND customer != ''
                            AND outcome = ''
                            AND (amount != 0 OR measure = 'returned')
                            AND event IN (SELECT event
                                FROM {postings}
                                WHERE tenant = {tenant:String}
                                AND position <= {cut:UInt64}
                                AND measure IN ('won', 'order', 'returned')
                                AND customer != ''
                                AND outcome = ''
                                AND (amount != 0 OR measure = 'returned')
                                AND count < 0)
                            GROUP BY event
                            HAVING sum(count) > 0))) AS s
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
                        GROUP BY book, entity, bought_ms) AS t ON s.book = t.book
                    AND s.entity = t.entity
                    AND s.at_ms = t.bought_ms) AS p
                LEFT JOIN (SELECT customer AS churner, arraySort(groupArray((at_ms, event))) AS churns
                    FROM (SELECT customer, at_ms, event
                        FROM {postings}
                        WHERE tenant = {tenant:String}
                        AND position <= {cut:UInt64}
                        AND measure = 'churned'
                        AND count > 0
                        AND (event NOT IN (SELECT event
                            FROM {postings}
                            WHERE tenant = {tenant:String}
                            AND position <= {cut:UInt64}
                            AND measure = 'churned'
                            AND count < 0) OR (event, position) IN (SELECT event, maxIf(position, count > 0)
                            FROM {postings}
                            WHERE tenant = {tenant:String}
                            AND position <= {cut:UInt64}
                            AND measure = 'churned'
                            AND event IN (SELECT event
                                FROM {postings}
                                WHERE tenant = {tenant:String}
                                AND position <= {cut:UInt64}
                                AND measure = 'churned'
                                AND count < 0)
                            GROUP BY event
                            HAVING sum(count) > 0)))
                    GROUP BY churner) AS c ON p.customer = c.churner)) AS m
        GROUP BY customer, until_ms, left_us, left_event)
    ARRAY JOIN {starts:Array(Int64)} AS s, {ends:Array(Int64)} AS e, {places:Array(Int64)} AS place
    WHERE from_ms < s
    AND to_ms >= s) AS p
ASOF LEFT JOIN (SELECT customer AS f_customer, at_ms AS f_ms, argMax(region, event) AS f_region, argMax(segment, event) AS f_segment
    FROM (SELECT customer, at_ms, event, region, segment
        FROM {postings}
        WHERE tenant = {tenant:String}
        AND position <= {cut:UInt64}
        AND measure = 'profile'
        AND count > 0
        AND (event NOT IN (SELECT event
            FROM {postings}
            WHERE tenant = {tenant:String}
            AND position <= {cut:UInt64}
            AND measure = 'profile'
            AND count < 0) OR (event, position) IN (SELECT event, maxIf(position, count > 0)
            FROM {postings}
            WHERE tenant = {tenant:String}
            AND position <= {cut:UInt64}
            AND measure = 'profile'
            AND event IN (SELECT event
                FROM {postings}
                WHERE tenant = {tenant:String}
                AND position <= {cut:UInt64}
                AND measure = 'profile'
                AND count < 0)
            GROUP BY event
            HAVING sum(count) > 0)))
    GROUP BY f_customer, f_ms) AS f ON p.customer = f.f_customer
AND p.s > f.f_ms
ASOF LEFT JOIN (SELECT each.1 AS a_rep, each.2 AS a_ms, each.3 AS a_team_id, each.4 AS a_region, each.5 AS a_manager_id
    FROM (SELECT arrayJoin(arrayZip({a_reps:Array(String)}, {a_ms:Array(Int64)}, {a_teams:Array(String)}, {a_regions:Array(String)}, {a_managers:Array(String)})) AS each)) AS a ON p.rep_id = a.a_rep
AND p.basis_ms >= a.a_ms
WHERE 1
GROUP BY ALL;
-- tenant = 'default'
-- cut = 42
-- starts = [1767196800000, 1774972800000]
-- ends = [1774972800000, 1782835200000]
-- places = [0, 1]
-- a_ms = [1767225600000]
-- a_reps = ['rep-7']
-- a_teams = ['t1']
-- a_regions = ['华东']
-- a_managers = ['']
