SELECT place AS bucket, toString(p.region) AS by0, sumIf(n, its_number = 0 AND (mark < e)) + uniqExactIf(its_number, its_number != 0 AND (mark < e)) AS value0, sumIf(n, its_number = 0) + uniqExactIf(its_number, its_number != 0) AS value1
FROM (SELECT until, mark, its_number, region, min(began) AS after, count() AS n
    FROM (SELECT roundDown(greatest(toInt64(bitShiftRight(stretch.1, 64)), known.1.1), arrayPushFront({edges:Array(Int64)}, toInt64(-9000000000000000))) AS began, roundDown(least(stretch.2.1, known.2), arrayPushFront({edges:Array(Int64)}, toInt64(-9000000000000000))) AS until, roundDown(stretch.2.2, arrayPushFront({edges:Array(Int64)}, toInt64(-9000000000000000))) AS mark, if(plain, 0, number) AS its_number, stretch.3 AS told_region, arrayJoin(arrayZip(arrayPushFront(profiles, (toInt64(-9000000000000000), toUInt64(0), '')), arrayPushBack(profiles.1, toInt64(9000000000000000)))) AS known, if(known.1.3 != '', known.1.3, told_region) AS region
        FROM (SELECT customer, profiles, NOT ended
            AND empty(churns) AS plain, toUInt64(begun[1]) AS number, if(plain, 1, length(begun)) AS size, arrayZip(arrayResize(begun, size), arrayMap((u, c) -> if(c != 0 AND (u = 0 OR toInt64(bitShiftRight(c, 64)) <= u), (toInt64(bitShiftRight(c, 64)), toInt64(bitShiftRight(c, 64)), toUInt64(c)), (if(u = 0, toInt64(9000000000000000), u), toInt64(9000000000000000), toUInt64(0))), arrayResize(untils, size), arrayResize(arrayMap(b -> arrayFirst(c -> c > b, churns), if(empty(churns), [], begun)), size)), arrayResize(told, size)) AS stretches
            FROM (SELECT customer, arraySort(groupArrayIf(toInt128(at_ms) * toInt128('18446744073709551616') + event, begins)) AS begun, max(until_ms) != 0 AS ended, arraySort((u, i) -> i, groupArrayIf(until_ms, begins), groupArrayIf(toInt128(at_ms) * toInt128('18446744073709551616') + event, begins)) AS untils, arraySort((t, i) -> i, groupArrayIf(region, begins), groupArrayIf(toInt128(at_ms) * toInt128('18446744073709551616') + event, begins)) AS told, arraySort(groupArrayIf(toInt128(at_ms) * toInt128('18446744073709551616') + event, measure = 'churned')) AS churns, arraySort(groupArrayIf((at_ms, event, its_region), measure = 'profile')) AS profiles
                FROM (SELECT customer, measure IN ('bought', 'order', 'returned') AS begins, measure, at_ms, until_ms, event, count , toString(if(p.region != '', p.region, {org_region:Array(String)}[roundDown(transform(p.rep_id, {org_keys:Array(String)}, {org_offsets:Array(Int64)}, {org_absent:Int64}) + least(greatest(p.basis_ms, {org_first:Int64}), {org_last:Int64}) * {org_size:Int64}, {org_steps:Array(Int64)}) % {org_size:Int64} + 1])) AS region, p.region AS its_region
                    FROM {postings} AS p
                    WHERE tenant = {tenant:String}
                    AND position <= {cut:UInt64}
                    AND count != 0
                    AND measure IN ('bought', 'order', 'returned', 'churned', 'profile')
                    AND (measure != 'order' OR (customer != '' AND amount != 0))
                    ORDER BY position DESC, count DESC
                    LIMIT 1 BY event)
                WHERE count > 0
                GROUP BY customer)
            WHERE notEmpty(begun))
        ARRAY JOIN stretches AS stretch)
    GROUP BY until, mark, its_number, region, if(its_number = 0, began, 0)) AS p
ARRAY JOIN {places:Array(Int64)} AS place, {starts:Array(Int64)} AS s, {ends:Array(Int64)} AS e
WHERE after < s
AND until >= s
GROUP BY ALL;
-- tenant = 'default'
-- cut = 42
-- edges = [1767196800000, 1774972800000, 1782835200000]
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
