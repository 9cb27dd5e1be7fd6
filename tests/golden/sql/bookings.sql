-- bookings
SELECT roundDown(p.at_ms, {edges:Array(Int64)}) AS bucket, toString(if(p.region != '', p.region, a.a_region)) AS by0, p.currency AS currency, if(currency = {currency:String}, 0, roundDown(p.basis_ms, {fx_edges:Array(Int64)})) AS rate_edge, sum(toInt128(amount)) AS value
FROM (SELECT at_ms, event, book, entity, count, amount, cost, currency, basis_ms, local, region, attributes, product, rep_id
    FROM {postings}
    WHERE tenant = {tenant:String}
    AND position <= {cut:UInt64}
    AND measure IN ('won')
    AND 1) AS p
ASOF LEFT JOIN (SELECT a_rep, a_ms, argMax(team_id, event) AS a_team_id, argMax(region, event) AS a_region, argMax(manager_id, event) AS a_manager_id
    FROM (SELECT rep_id AS a_rep, at_ms AS a_ms, event, team_id, region, manager_id
        FROM {postings}
        WHERE tenant = {tenant:String}
        AND position <= {cut:UInt64}
        AND measure = 'assigned'
        GROUP BY ALL
        HAVING sum(count) > 0)
    GROUP BY a_rep, a_ms) AS a ON p.rep_id = a.a_rep
AND p.basis_ms >= a.a_ms
WHERE p.at_ms >= {lo:Int64}
AND p.at_ms < {hi:Int64}
AND p.attributes[{key1:String}] IN {where0:Array(String)}
AND p.product IN {where1:Array(String)}
GROUP BY ALL;
-- tenant = 'default'
-- cut = 42
-- edges = [1767196800000, 1769875200000, 1772294400000, 1774972800000, 1777564800000, 1780243200000, 1782835200000]
-- lo = 1767196800000
-- hi = 1782835200000
-- currency = 'CNY'
-- fx_edges = [-1000000000000000, 1767225600000]
-- where0 = ['expo']
-- where1 = ['CRM']
-- key1 = 'source'
