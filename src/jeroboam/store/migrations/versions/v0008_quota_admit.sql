-- Admission in one round trip, for the many requests that fit and concern nobody else: those that rules or debts leave
-- to the engine hold up no others. What it charges with, quota_charge, and how all this is written, is in
-- v0007_quota_admit.sql; jeroboam/quota is what it has to agree with.

-- Admits and writes all of these requests, or changes nothing: false. `parts` are all their amounts: of each request
-- each resource, a part. NULL: as `amounts` says.
CREATE OR REPLACE FUNCTION quota_admit_all(
    claim_ids text[], nodes text[], objects text[], priorities int[], shortages text[], amounts text[],
    part_nodes text[], part_resources text[], part_amounts bigint[], now double precision
) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF part_nodes IS NULL THEN
        SELECT array_agg(node), array_agg(key), array_agg(value::bigint) INTO part_nodes, part_resources, part_amounts
        FROM unnest(nodes, amounts) AS asked(node, parts), json_each_text(parts::json);
    END IF;
    -- 1. The charge, also where it cannot stay: whoever goes on one by one has locked all that they reach, in order.
    IF NOT quota_charge(part_nodes, part_resources, part_amounts) THEN
        PERFORM quota_charge(part_nodes, part_resources, ARRAY(SELECT -amount FROM unnest(part_amounts) AS amount));
        RETURN false;
    END IF;
    -- 2. The claims that pay for it. One that there is already is an error: whoever asks finds out alone.
    INSERT INTO quota_claims (id, node_id, object_id, priority, age, state, reclaimable, shortage, evictions,
                              amounts, created_at, updated_at)
    SELECT id, node, object, coalesce(priority, 50), newest.age + i, 'admitted', true, coalesce(shortage, 'refuse'), 0,
           parts, now, now
    FROM (SELECT coalesce(max(age), 0) AS age FROM quota_claims) AS newest,
         unnest(claim_ids, nodes, objects, priorities, shortages, amounts) WITH ORDINALITY
             AS r(id, node, object, priority, shortage, parts, i);
    -- 3. Whoever has the ledger in memory reads these again.
    INSERT INTO quota_changes (token, touched)
    VALUES ((random() * 9007199254740991)::bigint, json_build_object('nodes', nodes, 'claims', claim_ids));
    RETURN true;
END $$;

-- What of these requests the path alone decides: for each of them true where it is admitted now and written, false
-- where the engine has to be asked. All that are plain together, or, where that is too much, each by itself in their
-- order.
CREATE OR REPLACE FUNCTION quota_admit(
    claim_ids text[], nodes text[], objects text[], priorities int[], shortages text[], amounts text[],
    part_nodes text[], part_resources text[], part_amounts bigint[], now double precision
) RETURNS boolean[]
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off AS $$
DECLARE
    verdicts boolean[] := array_fill(false, ARRAY[cardinality(claim_ids)]);
    plain boolean[] := array_fill(true, ARRAY[cardinality(claim_ids)]);
    places int[];  -- of those that are plain, where some are not
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
        SELECT array_agg(coalesce(priority, least(50, max_priority)) ORDER BY i),
               array_agg(coalesce(asked.shortage, rules.shortage) ORDER BY i),
               array_agg(coalesce(priority, 0) <= coalesce(max_priority, 100) AND coalesce(reclaimable, true)
                         ORDER BY i)
        INTO priorities, shortages, plain
        FROM unnest(nodes, priorities, shortages) WITH ORDINALITY AS asked(node, priority, shortage, i)
        LEFT JOIN rules ON leaf = node;
    END IF;
    -- 3. An ancestor may hold more than it may, further up than anything is carried: the engine knows what to do.
    IF EXISTS (SELECT FROM quota_limits WHERE in_debt) THEN
        WITH RECURSIVE path AS (
            SELECT id AS leaf, id, parent_id FROM quota_nodes WHERE id = ANY (nodes)
            UNION ALL
            SELECT leaf, n.* FROM path, LATERAL (
                SELECT id, parent_id FROM quota_nodes WHERE id = path.parent_id OFFSET 0
            ) AS n
        ), debts AS MATERIALIZED (
            SELECT leaf, d.resource FROM path, LATERAL (
                SELECT resource FROM quota_limits WHERE node_id = path.id AND in_debt OFFSET 0
            ) AS d
        )
        SELECT array_agg(so_far AND NOT EXISTS (
            SELECT FROM debts WHERE leaf = node AND parts::jsonb ? resource
        ) ORDER BY i) INTO plain
        FROM unnest(nodes, amounts, plain) WITH ORDINALITY AS asked(node, parts, so_far, i);
    END IF;
    -- 4. Those that are not plain are left out before anything is locked, so that there is nothing to take back.
    IF false = ANY (plain) THEN
        SELECT array_agg(i), array_agg(id), array_agg(node), array_agg(object), array_agg(priority),
               array_agg(shortage), array_agg(parts), NULL, NULL, NULL
        INTO places, claim_ids, nodes, objects, priorities, shortages, amounts, part_nodes, part_resources, part_amounts
        FROM (
            SELECT * FROM unnest(claim_ids, nodes, objects, priorities, shortages, amounts, plain) WITH ORDINALITY
                AS asked(id, node, object, priority, shortage, parts, is_plain, i) WHERE is_plain ORDER BY i
        ) AS those;
        IF places IS NULL THEN
            RETURN verdicts;
        END IF;
    END IF;
    -- 5. The charge.
    IF quota_admit_all(claim_ids, nodes, objects, priorities, shortages, amounts,
                       part_nodes, part_resources, part_amounts, now) THEN
        RETURN plain;
    END IF;
    IF cardinality(claim_ids) > 1 THEN
        FOR i IN 1 .. cardinality(claim_ids) LOOP
            verdicts[coalesce(places[i], i)] := quota_admit_all(
                claim_ids[i:i], nodes[i:i], objects[i:i], priorities[i:i], shortages[i:i], amounts[i:i],
                NULL, NULL, NULL, now);
        END LOOP;
    END IF;
    RETURN verdicts;
END $$;
