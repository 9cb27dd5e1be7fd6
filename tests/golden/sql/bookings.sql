SELECT roundDown(p.at_ms, {edges:Array(Int64)}) AS bucket, toString(if(p.region != '', p.region, a.a_region)) AS by0, p.currency AS currency, if(x.fx_rate != 0, toInt64(9000000000000000), p.basis_ms) AS unrated_ms, sum(toInt256(amount) * greatest(x.fx_rate, 1)) AS value0
FROM (SELECT at_ms, event, book, entity, count, amount, cost, currency, basis_ms, local, region, attributes, product, rep_id
    FROM {postings}
    WHERE tenant = {tenant:String}
    AND position <= {cut:UInt64}
    AND measure IN ('won')) AS p
ASOF LEFT JOIN (SELECT each[1] AS a_rep, each[2] AS a_ms, each[3] AS a_team_id, each[4] AS a_region, each[5] AS a_manager_id
    FROM (SELECT splitByChar(char(31), arrayJoin(splitByChar(char(30), {assigned:String}))) AS each)) AS a ON p.rep_id = a.a_rep
AND p.basis_ms >= toInt64OrZero(a.a_ms)
ASOF LEFT JOIN (SELECT fx_currency, toInt64(fx_ms) AS fx_ms, toInt256(fx_rate) AS fx_rate
    FROM (SELECT each[1] AS fx_currency, each[2] AS fx_ms, each[3] AS fx_rate
        FROM (SELECT splitByChar(char(31), arrayJoin(splitByChar(char(30), {rates:String}))) AS each))) AS x ON p.currency = x.fx_currency
AND p.basis_ms >= x.fx_ms
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
-- rates = 'USD\x1f1767225600000\x1f71\x1eCNY\x1f-1000000000000000\x1f10\x1e\x1f-1000000000000000\x1f10'
-- assigned = 'rep-7\x1f1767225600000\x1f\x1f华东\x1f'
-- where0 = ['expo']
-- where1 = ['CRM']
-- key1 = 'source'
