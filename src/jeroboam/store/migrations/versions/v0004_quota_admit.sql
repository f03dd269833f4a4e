-- Admission in one round trip, for the many requests that fit and concern nobody else. Whatever needs more thought
-- (victims, pledges, reservations, reasons) is left to the engine in jeroboam/quota, which this has to agree with.
--
-- Plans are made once, by index whatever the tables hold then: they are small at first, and do not stay so.
--
-- Counters are locked in one global order, the deepest level first, then by node and resource, and only as far up as
-- something is carried: two that run at once can wait for each other, never in a circle.

-- Charges all of these requests, or changes nothing. True: charged. `nodes`, `resources`, `amounts` and `depths` have
-- one entry for each resource of each request. What the whole batch reaches is locked either way.
CREATE FUNCTION quota_charge(nodes text[], resources text[], amounts bigint[], depths int[]) RETURNS boolean
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off AS $$
DECLARE
    level int := (SELECT max(d) FROM unnest(depths) AS d);
    fits boolean := true;
    up_node text[]; up_resource text[]; up_amount bigint[];
    at_node text[]; at_resource text[]; at_parent text[]; at_own bigint[]; at_more bigint[]; at_carry bigint[];
    at_fits boolean; asked int;
    all_node text[] := '{}'; all_resource text[] := '{}'; all_own bigint[] := '{}'; all_more bigint[] := '{}';
BEGIN
    WHILE level >= 0 LOOP
        -- 1. What arrives here: carried up from below, and asked for by the nodes of this level themselves.
        WITH arrives AS MATERIALIZED (
            SELECT node, resource, sum(amount)::bigint AS more, sum(amount * own)::bigint AS own FROM (
                SELECT n AS node, r AS resource, a AS amount, 0 AS own
                FROM unnest(up_node, up_resource, up_amount) AS u(n, r, a)
                UNION ALL
                SELECT n, r, a, 1 FROM unnest(nodes, resources, amounts, depths) AS q(n, r, a, d) WHERE d = level
            ) AS parts GROUP BY node, resource
        ), held AS MATERIALIZED (
            SELECT l.node_id, l.resource, n.parent_id, l.hard, l.borrow, l.subtree + l.reserved AS taken,
                   CASE WHEN l.lend IS NULL OR l.hard < 0 THEN 0 ELSE greatest(0, l.hard - l.lend) END AS private,
                   arrives.more, arrives.own
            FROM arrives
            JOIN quota_limits AS l ON l.node_id = arrives.node AND l.resource = arrives.resource
            JOIN quota_nodes AS n ON n.id = arrives.node
            ORDER BY l.node_id COLLATE "C", l.resource COLLATE "C"
            FOR UPDATE OF l
        )
        SELECT array_agg(node_id), array_agg(resource), array_agg(parent_id), array_agg(own), array_agg(more),
               array_agg(greatest(private, taken + more) - greatest(private, taken)),
               bool_and(hard IS NOT NULL AND (hard < 0 OR borrow IS NULL OR taken + more <= hard + borrow)),
               (SELECT count(*) FROM arrives)
        INTO at_node, at_resource, at_parent, at_own, at_more, at_carry, at_fits, asked FROM held;
        -- 2. A resource that nobody has limited here has room for nothing.
        IF asked > 0 THEN
            fits := fits AND coalesce(at_fits, false) AND cardinality(at_node) = asked;
            all_node := all_node || at_node; all_resource := all_resource || at_resource;
            all_own := all_own || at_own; all_more := all_more || at_more;
        END IF;
        -- 3. What it takes out of its parent grows by that much.
        SELECT array_agg(p), array_agg(r), array_agg(c) INTO up_node, up_resource, up_amount
        FROM unnest(at_parent, at_resource, at_carry) AS carried(p, r, c) WHERE c > 0 AND p IS NOT NULL;
        level := level - 1;
        IF up_node IS NULL THEN
            level := coalesce((SELECT max(d) FROM unnest(depths) AS d WHERE d <= level), -1);
        END IF;
    END LOOP;
    IF fits THEN
        UPDATE quota_limits AS l SET used = l.used + g.own, subtree = l.subtree + g.more
        FROM unnest(all_node, all_resource, all_own, all_more) AS g(node, resource, own, more)
        WHERE l.node_id = g.node AND l.resource = g.resource;
    END IF;
    RETURN fits;
END $$;

-- What of these requests the path alone decides: for each of them true where it is admitted now and written, false
-- where the engine has to be asked. `amounts` holds a JSON object for each request, {resource: amount}.
CREATE FUNCTION quota_admit(
    claim_ids text[], nodes text[], objects text[], priorities int[], shortages text[], amounts text[],
    now double precision
) RETURNS boolean[]
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET jit = off SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off AS $$
DECLARE
    verdicts boolean[] := array_fill(false, ARRAY[cardinality(claim_ids)]);
    plain int[];
    priority_of int[]; shortage_of text[];
    part_of int[]; part_node text[]; part_resource text[]; part_amount bigint[]; part_depth int[];
    one int;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(x'6a65726f'::bigint);  -- jeroboam.store.postgres.LOCK
    -- 1. What is pledged is nobody else's: then it takes the engine.
    IF EXISTS (SELECT FROM quota_reclaims) THEN
        RETURN verdicts;
    END IF;
    -- 2. Which requests are plain: new, of a known node, within the rules, below nobody who has more than he may.
    --    Limits, rules and debts change only while nobody admits, so that reading them takes no lock.
    WITH RECURSIVE path AS (
        SELECT n.id AS leaf, n.depth AS leaf_depth, n.id, n.parent_id, n.depth, n.policy::jsonb AS policy
        FROM quota_nodes AS n WHERE n.id = ANY (nodes)
        UNION ALL
        SELECT path.leaf, path.leaf_depth, n.id, n.parent_id, n.depth, n.policy::jsonb
        FROM path JOIN quota_nodes AS n ON n.id = path.parent_id
    ), rules AS MATERIALIZED (
        SELECT leaf, leaf_depth,
               (array_agg((policy ->> 'max_priority')::int ORDER BY depth DESC)
                   FILTER (WHERE policy ->> 'max_priority' IS NOT NULL))[1] AS max_priority,
               (array_agg((policy ->> 'reclaimable')::boolean ORDER BY depth DESC)
                   FILTER (WHERE policy ->> 'reclaimable' IS NOT NULL))[1] AS reclaimable,
               (array_agg(policy ->> 'shortage' ORDER BY depth DESC)
                   FILTER (WHERE policy ->> 'shortage' IS NOT NULL))[1] AS shortage
        FROM path GROUP BY leaf, leaf_depth
    ), debts AS MATERIALIZED (
        SELECT path.leaf, l.resource FROM path JOIN quota_limits AS l ON l.node_id = path.id
        WHERE l.hard >= 0 AND l.borrow IS NOT NULL AND l.subtree + l.reserved > l.hard + l.borrow
    ), asked AS MATERIALIZED (
        SELECT i, node, rules.leaf_depth, part.key AS resource, part.value::bigint AS amount,
               coalesce(priority, least(50, coalesce(rules.max_priority, 100))) AS priority,
               coalesce(r.shortage, rules.shortage, 'refuse') AS shortage
        FROM unnest(claim_ids, nodes, priorities, shortages, amounts) WITH ORDINALITY
            AS r(id, node, priority, shortage, parts, i)
        JOIN rules ON rules.leaf = node
        CROSS JOIN LATERAL json_each_text(parts::json) AS part
        WHERE coalesce(priority, 0) <= coalesce(rules.max_priority, 100) AND coalesce(rules.reclaimable, true)
          AND (SELECT count(*) FROM quota_claims WHERE quota_claims.id = r.id) = 0  -- no join: always by the key
          AND NOT EXISTS (SELECT FROM debts WHERE debts.leaf = node AND parts::jsonb ? debts.resource)
    )
    SELECT array_agg(DISTINCT i), array_agg(i), array_agg(node), array_agg(resource), array_agg(amount),
           array_agg(leaf_depth), array_agg(priority), array_agg(shortage)
    INTO plain, part_of, part_node, part_resource, part_amount, part_depth, priority_of, shortage_of FROM asked;
    IF plain IS NULL THEN
        RETURN verdicts;
    END IF;
    -- 3. All of them together, or, where that is too much, each by itself in their order.
    IF quota_charge(part_node, part_resource, part_amount, part_depth) THEN
        FOREACH one IN ARRAY plain LOOP
            verdicts[one] := true;
        END LOOP;
    ELSIF cardinality(plain) > 1 THEN
        FOREACH one IN ARRAY plain LOOP
            verdicts[one] := quota_charge(array_agg(n), array_agg(r), array_agg(a), array_agg(d))
                FROM unnest(part_of, part_node, part_resource, part_amount, part_depth) AS p(i, n, r, a, d)
                WHERE i = one;
        END LOOP;
    END IF;
    -- 4. The claims that pay for it.
    INSERT INTO quota_claims (id, node_id, object_id, priority, age, state, reclaimable, shortage, evictions,
                              amounts, created_at, updated_at)
    SELECT r.id, r.node, r.object, p.priority, newest.age + row_number() OVER (ORDER BY i), 'admitted', true, p.shortage,
           0, r.parts, now, now
    FROM unnest(claim_ids, nodes, objects, amounts) WITH ORDINALITY AS r(id, node, object, parts, i)
    JOIN (SELECT DISTINCT * FROM unnest(part_of, priority_of, shortage_of)) AS p(part, priority, shortage) ON p.part = i
    CROSS JOIN (SELECT coalesce(max(age), 0) AS age FROM quota_claims) AS newest
    WHERE verdicts[i];
    RETURN verdicts;
END $$;
