WITH greatest(rated_at - toInt64(9000000000000000), 0) AS rate SELECT bucket, by0, if(rated_at < toInt64(9000000000000000), currency, ''), least(rated_at, toInt64(9000000000000000)), sum(toInt256(value0) * greatest(toInt256OrZero({fx_rates:Array(String)}[rate + 1]), 1))
FROM (WITH roundDown(transform(p.currency, {fx_keys:Array(String)}, {fx_offsets:Array(Int64)}, {fx_absent:Int64}) + least(greatest(p.basis_ms, {fx_first:Int64}), {fx_last:Int64}) * {fx_size:Int64}, {fx_steps:Array(Int64)}) % {fx_size:Int64} AS rate SELECT roundDown(p.at_ms, {edges:Array(Int64)}) AS bucket, toString(if(p.region != '', p.region, {org_region:Array(String)}[roundDown(transform(p.rep_id, {org_keys:Array(String)}, {org_offsets:Array(Int64)}, {org_absent:Int64}) + least(greatest(p.basis_ms, {org_first:Int64}), {org_last:Int64}) * {org_size:Int64}, {org_steps:Array(Int64)}) % {org_size:Int64} + 1])) AS by0, p.currency AS currency, if(rate != 0, toInt64(9000000000000000) + rate, p.basis_ms) AS rated_at, sum(toInt128(amount)) AS value0
    FROM {postings} AS p
    WHERE tenant = {tenant:String}
    AND position <= {cut:UInt64}
    AND measure IN ('won')
    AND p.at_ms >= {lo:Int64}
    AND p.at_ms < {hi:Int64}
    AND p.attributes[{key1:String}] IN {where0:Array(String)}
    AND p.product IN {where1:Array(String)}
    GROUP BY ALL)
GROUP BY ALL;
-- tenant = 'default'
-- cut = 42
-- edges = [1767196800000, 1769875200000, 1772294400000, 1774972800000, 1777564800000, 1780243200000, 1782835200000]
-- lo = 1767196800000
-- hi = 1782835200000
-- fx_keys = ['', 'CNY', 'USD']
-- fx_offsets = [-5301676799989, -5301676799983, -5301676799977]
-- fx_absent = -5301676800000
-- fx_size = 3
-- fx_first = 1767225599999
-- fx_last = 1767225600000
-- fx_steps = [0, 7, 13, 18, 23]
-- fx_rates = ['0', '10', '71']
-- org_keys = ['rep-7']
-- org_offsets = [-3534451199993]
-- org_absent = -3534451200000
-- org_size = 2
-- org_first = 1767225599999
-- org_last = 1767225600000
-- org_steps = [0, 4, 7]
-- org_region = ['', '华东']
-- where0 = ['expo']
-- where1 = ['CRM']
-- key1 = 'source'
