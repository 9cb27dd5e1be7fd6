SELECT bucket, by0, quantileExactInclusiveIf(0.5)(one, n > 0), sum(n)
FROM (SELECT roundDown(p.at_ms, {edges:Array(Int64)}) AS bucket, toString(p.rep_id) AS by0, any(cycle_ms) AS one, sum(p.count) AS n
    FROM (SELECT w.*, until_ms - least(since_ms, if(d.of_deal = '', since_ms, d.first_ms), if(l.of_lead = '', since_ms, l.first_ms)) AS cycle_ms
        FROM (SELECT at_ms, event, book, entity, count, since_ms, until_ms, basis_ms, deal, lead, rep_id
            FROM {postings}
            WHERE tenant = {tenant:String}
            AND position <= {cut:UInt64}
            AND measure = 'won'
            AND count != 0
            AND at_ms >= {lo:Int64}
            AND at_ms < {hi:Int64}) AS w
        LEFT JOIN (SELECT deal AS of_deal, min(at_ms) AS first_ms
            FROM (SELECT deal, at_ms
                FROM (SELECT position, count, deal, at_ms
                    FROM {postings}
                    WHERE tenant = {tenant:String}
                    AND position <= {cut:UInt64}
                    AND count != 0
                    AND measure IN ('touchpoint', 'touchpoint_automated', 'lead_created')
                    AND deal != ''
                    AND deal IN (SELECT deal
                        FROM {postings}
                        WHERE tenant = {tenant:String}
                        AND position <= {cut:UInt64}
                        AND measure = 'won'
                        AND count != 0
                        AND at_ms >= {lo:Int64}
                        AND at_ms < {hi:Int64})
                    ORDER BY position DESC, count DESC
                    LIMIT 1 BY event)
                WHERE count > 0)
            GROUP BY of_deal) AS d ON w.deal = d.of_deal
        LEFT JOIN (SELECT lead AS of_lead, min(at_ms) AS first_ms
            FROM (SELECT lead, at_ms
                FROM (SELECT position, count, lead, at_ms
                    FROM {postings}
                    WHERE tenant = {tenant:String}
                    AND position <= {cut:UInt64}
                    AND count != 0
                    AND measure IN ('touchpoint', 'touchpoint_automated', 'lead_created')
                    AND lead != ''
                    AND lead IN (SELECT lead
                        FROM {postings}
                        WHERE tenant = {tenant:String}
                        AND position <= {cut:UInt64}
                        AND measure = 'won'
                        AND count != 0
                        AND at_ms >= {lo:Int64}
                        AND at_ms < {hi:Int64})
                    ORDER BY position DESC, count DESC
                    LIMIT 1 BY event)
                WHERE count > 0)
            GROUP BY of_lead) AS l ON w.lead = l.of_lead) AS p
    WHERE p.at_ms >= {lo:Int64}
    AND p.at_ms < {hi:Int64}
    GROUP BY bucket, by0, p.deal, p.cycle_ms)
GROUP BY ALL;
-- tenant = 'default'
-- cut = 42
-- edges = [1767196800000, 1782835200000]
-- lo = 1767196800000
-- hi = 1782835200000
