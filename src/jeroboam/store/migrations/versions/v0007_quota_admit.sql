-- Admission in one round trip, for the many requests that fit and concern nobody else. Whatever needs more thought
-- (victims, pledges, reservations, reasons) is left to the engine in jeroboam/quota, which this has to agree with.
--
-- Every statement here costs, and every row it touches: what is rarely needed stands in a branch of its own.
-- Plans are made once, by index whatever the tables hold then: they are small at first, and do not stay so. Where a
-- join could begin with the whole table, OFFSET 0 says that it does not.
--
-- Runs in `Database.admit` or `write`. Beside others of its kind only, so that limits, rules and debts stay what they
-- are, and nothing but counters grows.

DROP FUNCTION quota_admit(text[], text[], text[], int[], text[], text[], double precision);
DROP FUNCTION quota_charge(text[], text[], int[], int);

-- H + BL: the most that a node and all below it may hold. NULL: any. What nobody has limited there has room for nothing.
CREATE FUNCTION quota_most(hard bigint, borrow bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS
'SELECT CASE WHEN hard IS NULL THEN 0 WHEN hard >= 0 THEN hard + borrow END';

-- N: what a node keeps for itself, used or not.
CREATE FUNCTION quota_private(hard bigint, lend bigint) RETURNS bigint IMMUTABLE LANGUAGE sql AS
'SELECT CASE WHEN hard >= 0 THEN greatest(0, hard - lend) ELSE 0 END';

-- Charges amounts[i] of resources[i] to nodes[i], for each i, and up from there as far as something is carried. True:
-- all that it reached can hold it. What does not fit is charged all the same: the same, negative, takes it back.
--
-- Rows stay locked until the transaction ends. They are locked in one global order, the deepest level first, then by
-- node and resource, and only as far up as something is carried: two that run at once can wait for each other, never in
-- a circle. The UPDATE meets them in the order of its subquery, or in that of the table's key, which is the same.
CREATE FUNCTION quota_charge(nodes text[], resources text[], amounts bigint[]) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    level int; highest int;  -- where it is now, and where the last of `nodes` is
    several boolean;         -- `nodes` are on more levels than one
    at_nodes text[] := nodes; at_resources text[] := resources;
    at_own bigint[] := amounts; at_more bigint[] := amounts;  -- of what arrives here, that which was asked for here; all
    fit boolean; fits boolean := true;
BEGIN
    SELECT max(depth), min(depth), max(depth) > min(depth) INTO level, highest, several
    FROM quota_nodes WHERE id = ANY (nodes);
    IF several THEN
        at_nodes := NULL; at_resources := NULL; at_more := NULL;
    END IF;
    LOOP
        IF several AND level >= highest THEN  -- A node that there is not is asked for everywhere, and found nowhere.
            SELECT array_agg(node), array_agg(resource), array_agg(own), array_agg(more)
            INTO at_nodes, at_resources, at_own, at_more FROM (
                SELECT *, 0 FROM unnest(at_nodes, at_resources, at_more)
                UNION ALL
                SELECT node, resource, amount, amount FROM unnest(nodes, resources, amounts) AS a(node, resource, amount)
                WHERE coalesce((SELECT depth FROM quota_nodes WHERE id = node), level) = level
            ) AS arriving(node, resource, more, own);
        END IF;
        -- 1. It fits where U + R stays within H + BL.
        -- 2. What the node takes out of its parent, max(N, U + R), grows by what is carried on.
        WITH charged AS (
            UPDATE quota_limits AS l SET used = l.used + own, subtree = l.subtree + more
            FROM (
                SELECT node COLLATE "C" AS node, resource COLLATE "C" AS resource,
                       coalesce(sum(own), 0)::bigint AS own, sum(more)::bigint AS more
                FROM unnest(at_nodes, at_resources, at_own, at_more) AS part(node, resource, own, more)
                GROUP BY 1, 2 ORDER BY 1, 2
            ) AS arriving WHERE l.node_id = node AND l.resource = arriving.resource
            RETURNING l.parent_id, l.resource, more, l.subtree + l.reserved AS taken,
                      quota_most(hard, borrow) AS most, quota_private(hard, lend) AS private
        )
        SELECT sum(more) IS NOT DISTINCT FROM (SELECT sum(m) FROM unnest(at_more) AS m)
                   AND bool_or(taken > most) IS NOT TRUE,
               array_agg(parent_id) FILTER (WHERE carry <> 0),
               array_agg(resource) FILTER (WHERE carry <> 0), array_agg(carry) FILTER (WHERE carry <> 0), NULL
        INTO fit, at_nodes, at_resources, at_more, at_own
        FROM charged, LATERAL (SELECT greatest(private, taken) - greatest(private, taken - more)) AS c(carry);
        fits := fits AND fit;
        level := level - 1;
        EXIT WHEN (at_nodes IS NULL OR level < 0) AND (several AND level >= highest) IS NOT TRUE;
    END LOOP;
    RETURN fits;
END $$;

-- Admits and writes all of these requests, or changes nothing: false. `parts` are all their amounts: of each request
-- each resource, a part.
CREATE FUNCTION quota_admit_all(
    claim_ids text[], nodes text[], objects text[], priorities int[], shortages text[], amounts text[],
    part_nodes text[], part_resources text[], part_amounts bigint[], now double precision
) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    plain boolean := true;
BEGIN
    -- 1. The rules of each, if there are any anywhere: the nearest that is set counts.
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
        SELECT array_agg(coalesce(priority, least(50, max_priority)) ORDER BY i),
               array_agg(coalesce(asked.shortage, rules.shortage) ORDER BY i),
               bool_and(coalesce(priority, 0) <= coalesce(max_priority, 100) AND coalesce(reclaimable, true))
        INTO priorities, shortages, plain
        FROM unnest(nodes, priorities, shortages) WITH ORDINALITY AS asked(node, priority, shortage, i)
        LEFT JOIN rules ON leaf = node;
    END IF;
    -- 2. An ancestor may hold more than it may, further up than anything is carried: the engine knows what to do.
    IF EXISTS (SELECT FROM quota_limits WHERE in_debt) AND EXISTS (
        WITH RECURSIVE path AS (
            SELECT id, parent_id FROM quota_nodes WHERE id = ANY (nodes)
            UNION
            SELECT n.* FROM path, LATERAL (
                SELECT id, parent_id FROM quota_nodes WHERE id = path.parent_id OFFSET 0
            ) AS n
        )
        SELECT FROM path, LATERAL (
            SELECT FROM quota_limits WHERE node_id = path.id AND resource = ANY (part_resources)
            AND subtree + reserved > quota_most(hard, borrow) OFFSET 0
        ) AS debt
    ) THEN
        plain := false;
    END IF;
    -- 3. The charge, also where it cannot stay: whoever goes on one by one has locked all that they reach, in order.
    plain := quota_charge(part_nodes, part_resources, part_amounts) AND plain;
    IF NOT plain THEN
        PERFORM quota_charge(part_nodes, part_resources, ARRAY(SELECT -amount FROM unnest(part_amounts) AS amount));
        RETURN false;
    END IF;
    -- 4. The claims that pay for it. One that there is already is an error: whoever asks finds out alone.
    INSERT INTO quota_claims (id, node_id, object_id, priority, age, state, reclaimable, shortage, evictions,
                              amounts, created_at, updated_at)
    SELECT id, node, object, coalesce(priority, 50), newest.age + i, 'admitted', true, coalesce(shortage, 'refuse'), 0,
           parts, now, now
    FROM (SELECT coalesce(max(age), 0) AS age FROM quota_claims) AS newest,
         unnest(claim_ids, nodes, objects, priorities, shortages, amounts) WITH ORDINALITY
             AS r(id, node, object, priority, shortage, parts, i);
    -- 5. Whoever has the ledger in memory reads these again.
    INSERT INTO quota_changes (token, touched)
    VALUES ((random() * 9007199254740991)::bigint, json_build_object('nodes', nodes, 'claims', claim_ids));
    RETURN true;
END $$;

-- What of these requests the path alone decides: for each of them true where it is admitted now and written, false
-- where the engine has to be asked. All of them together, or, where that is too much, each by itself in their order.
CREATE FUNCTION quota_admit(
    claim_ids text[], nodes text[], objects text[], priorities int[], shortages text[], amounts text[],
    part_nodes text[], part_resources text[], part_amounts bigint[], now double precision
) RETURNS boolean[]
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off AS $$
DECLARE
    verdicts boolean[] := array_fill(false, ARRAY[cardinality(claim_ids)]);
BEGIN
    -- What is pledged is nobody else's: then it takes the engine.
    IF EXISTS (SELECT FROM quota_reclaims) THEN
        RETURN verdicts;
    END IF;
    IF quota_admit_all(claim_ids, nodes, objects, priorities, shortages, amounts,
                       part_nodes, part_resources, part_amounts, now) THEN
        RETURN array_fill(true, ARRAY[cardinality(claim_ids)]);
    END IF;
    IF cardinality(claim_ids) > 1 THEN
        FOR i IN 1 .. cardinality(claim_ids) LOOP
            SELECT array_agg(nodes[i]), array_agg(key), array_agg(value::bigint)
            INTO part_nodes, part_resources, part_amounts FROM json_each_text(amounts[i]::json);
            verdicts[i] := quota_admit_all(claim_ids[i:i], nodes[i:i], objects[i:i], priorities[i:i], shortages[i:i],
                                           amounts[i:i], part_nodes, part_resources, part_amounts, now);
        END LOOP;
    END IF;
    RETURN verdicts;
END $$;
