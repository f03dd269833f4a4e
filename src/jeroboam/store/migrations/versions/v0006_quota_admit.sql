-- Admission in one round trip, for the many requests that fit and concern nobody else. Whatever needs more thought
-- (victims, pledges, reservations, reasons) is left to the engine in jeroboam/quota, which this has to agree with.
--
-- Every statement here costs, and every row it touches: what is rarely needed stands in a branch of its own.
-- Plans are made once, by index whatever the tables hold then: they are small at first, and do not stay so. Where a
-- join could begin with the whole table, OFFSET 0 says that it does not.
--
-- Runs in `Database.admit` or `write`. Beside others of its kind only, so that limits, rules and debts stay what they
-- are, and nothing but counters grows.

DROP FUNCTION quota_charge(text[], text[], bigint[], int[]);

-- Charges all of these requests, or changes nothing. True: charged. `amounts` holds a JSON object for each request,
-- {resource: amount}, `depths` its node's depth; where that is NULL the request is passed over. `sign` -1 takes back
-- what has just been charged, along the same paths.
--
-- Whoever changes a node's counters holds the node's advisory lock until his transaction ends. These are taken in one
-- global order, the deepest level first, then by node, and only as far up as something is carried: two that run at
-- once can wait for each other, never in a circle. They cost less than rows' own locks, and keep the order whatever
-- plan the UPDATE has. What the whole batch reaches stays locked either way.
CREATE FUNCTION quota_charge(nodes text[], amounts text[], depths int[], sign int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    level int := (SELECT max(d) FROM unnest(depths) AS d);
    below int;
    up_node text[]; up_resource text[]; up_amount bigint[];
    stops text[]; stopped text[] := '{}';
    fit boolean; fits boolean := true;
BEGIN
    WHILE level >= 0 LOOP
        -- 1. What arrives here: asked for by the nodes of this level themselves, and carried up from below.
        -- 2. It fits where U + R stays within H + BL. A resource that nobody has limited here has room for nothing.
        -- 3. What the node takes out of its parent, max(N, U + R), grows by what is carried on.
        WITH arrives AS MATERIALIZED (
            SELECT node, resource, sum(own)::bigint AS own, sum(more)::bigint AS more FROM (
                SELECT node, key, sign * value::bigint, sign * value::bigint
                FROM unnest(nodes, amounts, depths) AS asked(node, parts, depth), json_each_text(parts::json)
                WHERE depth = level
                UNION ALL
                SELECT node, resource, 0, amount
                FROM unnest(up_node, up_resource, up_amount) AS up(node, resource, amount)
            ) AS parts(node, resource, own, more) GROUP BY node, resource ORDER BY node COLLATE "C"
        ), mine AS MATERIALIZED (
            SELECT *, pg_advisory_xact_lock(hashtextextended(node, 0)) FROM arrives
        ), charged AS (
            UPDATE quota_limits AS l SET used = l.used + mine.own, subtree = l.subtree + mine.more
            FROM mine WHERE l.node_id = mine.node AND l.resource = mine.resource
            RETURNING l.node_id, l.resource, mine.more, l.subtree + l.reserved AS taken,
                      CASE WHEN l.hard IS NULL THEN 0 WHEN l.hard >= 0 THEN l.hard + l.borrow END AS most,
                      CASE WHEN l.hard >= 0 THEN greatest(0, l.hard - l.lend) ELSE 0 END AS private
        )
        SELECT count(*) = (SELECT count(*) FROM arrives) AND bool_or(taken > most) IS NOT TRUE,
               array_agg((SELECT parent_id FROM quota_nodes WHERE id = node_id)) FILTER (WHERE carry <> 0),
               array_agg(resource) FILTER (WHERE carry <> 0), array_agg(carry) FILTER (WHERE carry <> 0),
               array_agg(node_id) FILTER (WHERE carry = 0),
               (SELECT max(d) FROM unnest(depths) AS d WHERE d < level)
        INTO fit, up_node, up_resource, up_amount, stops, below
        FROM charged, LATERAL (SELECT greatest(private, taken) - greatest(private, taken - more)) AS c(carry);
        fits := fits AND fit;
        stopped := stopped || stops;
        level := CASE WHEN up_node IS NULL THEN below ELSE level - 1 END;
    END LOOP;
    -- 4. Where nothing was carried any further, an ancestor may hold more than it may: the engine knows what to do.
    IF fits AND sign > 0 AND stopped <> '{}' AND EXISTS (SELECT FROM quota_limits WHERE in_debt) THEN
        fits := NOT EXISTS (
            WITH RECURSIVE above AS (
                SELECT parent_id AS id FROM quota_nodes WHERE id = ANY (stopped)
                UNION
                SELECT n.parent_id
                FROM above, LATERAL (SELECT parent_id FROM quota_nodes WHERE id = above.id OFFSET 0) AS n
            )
            SELECT FROM above, LATERAL (
                SELECT resource FROM quota_limits WHERE node_id = above.id
                AND subtree + reserved > CASE WHEN hard IS NULL THEN 0 WHEN hard >= 0 THEN hard + borrow END OFFSET 0
            ) AS debt
            WHERE (SELECT bool_or(parts::jsonb ? resource) FROM unnest(amounts, depths) AS asked(parts, depth)
                   WHERE depth IS NOT NULL)
        );
    END IF;
    IF NOT fits AND sign > 0 THEN
        PERFORM quota_charge(nodes, amounts, depths, -1);
    END IF;
    RETURN fits;
END $$;

-- What of these requests the path alone decides: for each of them true where it is admitted now and written, false
-- where the engine has to be asked.
CREATE OR REPLACE FUNCTION quota_admit(
    claim_ids text[], nodes text[], objects text[], priorities int[], shortages text[], amounts text[],
    now double precision
) RETURNS boolean[]
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off AS $$
DECLARE
    verdicts boolean[] := array_fill(false, ARRAY[cardinality(claim_ids)]);
    max_priorities int[]; reclaimables boolean[]; defaults text[];  -- the rules at the node of each
    depths int[];
BEGIN
    -- 1. What is pledged is nobody else's: then it takes the engine.
    IF EXISTS (SELECT FROM quota_reclaims) THEN
        RETURN verdicts;
    END IF;
    -- 2. The rules of each, if there are any anywhere: the nearest that is set counts.
    IF EXISTS (SELECT FROM quota_nodes WHERE policy IS NOT NULL) THEN
        WITH RECURSIVE path AS (
            SELECT id AS leaf, parent_id, depth, policy FROM quota_nodes WHERE id = ANY (nodes)
            UNION ALL
            SELECT leaf, n.* FROM path, LATERAL (
                SELECT parent_id, depth, policy FROM quota_nodes WHERE id = path.parent_id OFFSET 0
            ) AS n
        ), rules AS MATERIALIZED (
            SELECT leaf,
                   (array_agg((rule ->> 'max_priority')::int ORDER BY depth DESC)
                       FILTER (WHERE rule ->> 'max_priority' IS NOT NULL))[1] AS max_priority,
                   (array_agg((rule ->> 'reclaimable')::boolean ORDER BY depth DESC)
                       FILTER (WHERE rule ->> 'reclaimable' IS NOT NULL))[1] AS reclaimable,
                   (array_agg(rule ->> 'shortage' ORDER BY depth DESC)
                       FILTER (WHERE rule ->> 'shortage' IS NOT NULL))[1] AS shortage
            FROM path, LATERAL (SELECT policy::jsonb) AS p(rule) WHERE policy IS NOT NULL GROUP BY leaf
        )
        SELECT array_agg(max_priority ORDER BY i), array_agg(reclaimable ORDER BY i), array_agg(shortage ORDER BY i)
        INTO max_priorities, reclaimables, defaults
        FROM unnest(nodes) WITH ORDINALITY AS r(node, i) LEFT JOIN rules ON leaf = node;
    END IF;
    -- 3. Which requests are plain: new, of a known node, within the rules. Those have a depth.
    SELECT array_agg(depth ORDER BY i), array_agg(coalesce(priority, least(50, max_priority)) ORDER BY i),
           array_agg(coalesce(shortage, fallback, 'refuse') ORDER BY i)
    INTO depths, priorities, shortages FROM (
        SELECT i, priority, shortage, max_priority, fallback,
               CASE WHEN id <> ALL (ARRAY(SELECT id FROM quota_claims WHERE id = ANY (claim_ids)))
                     AND coalesce(priority, 0) <= coalesce(max_priority, 100) AND coalesce(reclaimable, true)
                    THEN (SELECT depth FROM quota_nodes WHERE quota_nodes.id = node) END AS depth
        FROM unnest(claim_ids, nodes, priorities, shortages, max_priorities, reclaimables, defaults) WITH ORDINALITY
            AS r(id, node, priority, shortage, max_priority, reclaimable, fallback, i)
    ) AS asked;
    -- 4. All of them together, or, where that is too much, each by itself in their order.
    IF quota_charge(nodes, amounts, depths, 1) THEN
        verdicts := ARRAY(SELECT d IS NOT NULL FROM unnest(depths) WITH ORDINALITY AS asked(d, i) ORDER BY i);
    ELSIF cardinality(depths) > 1 THEN
        FOR i IN 1 .. cardinality(depths) LOOP
            verdicts[i] := depths[i] IS NOT NULL AND quota_charge(nodes[i:i], amounts[i:i], depths[i:i], 1);
        END LOOP;
    END IF;
    -- 5. The claims that pay for it.
    INSERT INTO quota_claims (id, node_id, object_id, priority, age, state, reclaimable, shortage, evictions,
                              amounts, created_at, updated_at)
    SELECT id, node, object, priority, newest.age + i, 'admitted', true, shortage, 0, parts, now, now
    FROM (SELECT coalesce(max(age), 0) AS age FROM quota_claims) AS newest,
         unnest(claim_ids, nodes, objects, priorities, shortages, amounts, verdicts) WITH ORDINALITY
             AS r(id, node, object, priority, shortage, parts, admitted, i)
    WHERE admitted;
    -- 6. Whoever has the ledger in memory reads these again.
    IF true = ANY (verdicts) THEN
        INSERT INTO quota_changes (token, touched)
        SELECT (random() * 9007199254740991)::bigint,
               json_build_object('nodes', array_agg(DISTINCT node), 'claims', array_agg(id))
        FROM unnest(claim_ids, nodes, verdicts) AS r(id, node, admitted) WHERE admitted;
    END IF;
    RETURN verdicts;
END $$;
