SELECT roundDown(p.at_ms, {edges:Array(Int64)}) AS bucket, toString(if(p.region != '', p.region, a.a_region)) AS by0, p.currency AS currency, if(currency = {currency:String}, 0, if(p.basis_ms < transform(p.currency, {fx_currencies:Array(String)}, {fx_firsts:Array(Int64)}, toInt64(9000000000000000)), p.basis_ms, roundDown(p.basis_ms, {fx_edges:Array(Int64)}))) AS rate_edge, sum(toInt128(amount)) AS value0
FROM (SELECT at_ms, event, book, entity, count, amount, cost, currency, basis_ms, local, region, attributes, product, rep_id
    FROM {postings}
    WHERE tenant = {tenant:String}
    AND position <= {cut:UInt64}
    AND measure IN ('won')) AS p
ASOF LEFT JOIN (SELECT each.1 AS a_rep, each.2 AS a_ms, each.3 AS a_team_id, each.4 AS a_region, each.5 AS a_manager_id
    FROM (SELECT arrayJoin(arrayZip({a_reps:Array(String)}, {a_ms:Array(Int64)}, {a_teams:Array(String)}, {a_regions:Array(String)}, {a_managers:Array(String)})) AS each)) AS a ON p.rep_id = a.a_rep
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
-- fx_currencies = ['USD']
-- fx_firsts = [1767225600000]
-- a_ms = [1767225600000]
-- a_reps = ['rep-7']
-- a_teams = ['t1']
-- a_regions = ['华东']
-- a_managers = ['']
-- where0 = ['expo']
-- where1 = ['CRM']
-- key1 = 'source'
