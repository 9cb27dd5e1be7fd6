SELECT bucket, by0, quantileExactInclusiveIf(0.5)(one, n > 0), sum(n)
FROM (SELECT roundDown(p.at_ms, {edges:Array(Int64)}) AS bucket, toString(p.rep_id) AS by0, any(cycle_ms) AS one, sum(p.count) AS n
    FROM (WITH wins AS (SELECT at_ms, event, book, entity, count, since_ms, until_ms, basis_ms, deal AS its_deal, lead AS its_lead, rep_id
            FROM {postings}
            WHERE tenant = {tenant:String}
            AND position <= {cut:UInt64}
            AND measure = 'won'
            AND count != 0
            AND at_ms >= {lo:Int64}
            AND at_ms < {hi:Int64}), contacts AS (SELECT deal, lead, at_ms
            FROM {postings}
            WHERE tenant = {tenant:String}
            AND position <= {cut:UInt64}
            AND measure IN ('touchpoint', 'touchpoint_automated', 'lead_created')
            AND (deal IN (SELECT its_deal
                FROM wins) OR (lead != '' AND lead IN (SELECT its_lead
                FROM wins)))
            GROUP BY event, deal, lead, at_ms
            HAVING sum(count) > 0) SELECT w.*, until_ms - since_ms AS from_deal_ms, until_ms - least(since_ms, if(d.of_deal = '', since_ms, d.first_ms), if(l.of_lead = '', since_ms, l.first_ms)) AS cycle_ms
        FROM wins AS w
        LEFT JOIN (SELECT deal AS of_deal, min(at_ms) AS first_ms
            FROM contacts
            WHERE deal != ''
            GROUP BY deal) AS d ON w.its_deal = d.of_deal
        LEFT JOIN (SELECT lead AS of_lead, min(at_ms) AS first_ms
            FROM contacts
            WHERE lead != ''
            GROUP BY lead) AS l ON w.its_lead = l.of_lead) AS p
    WHERE p.at_ms >= {lo:Int64}
    AND p.at_ms < {hi:Int64}
    GROUP BY bucket, by0, p.its_deal, p.cycle_ms)
GROUP BY ALL;
-- tenant = 'default'
-- cut = 42
-- edges = [1767196800000, 1782835200000]
-- lo = 1767196800000
-- hi = 1782835200000
