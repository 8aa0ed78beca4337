-- The entry calls of plain traces (settle_plain.sql) with their marks, as hopline_query.store.settled_calls makes them
-- of trees. Traces of more than 32 levels are left out, and their calls made from their trees.
INSERT INTO $database.settled_calls (
  trace_id, settled, began_us, load_test, envs, id, kind, service, name, instance, version, start_us, duration_us,
  unfinished, error, error_type, marks, cut)
SELECT
  trace, {version:UInt64}, first_start, loaded, all_envs, call.1, call.2, call.3, call.4, call.5, call.6, call.7, call.8,
  0, call.9, call.10,
  -- Marks stay in the arrays of their rows until here: texts that are copied with each row or grouped cost most.
  arrayDistinct(arrayFlatten(arrayFilter((one, held) -> held, marks, arrayMap(nodes -> has(nodes, entry), under)))), 0
FROM (
  SELECT
    trace, first_start, loaded, all_envs, calls,
    arrayFilter((node, enters) -> enters, nodes, entries) AS entry_nodes,
    arrayMap((own, told) -> told = '' ? own : arrayPushBack(own, told), row_marks, told_calls) AS marks,
    -- The nodes whose entry calls each row marks: those above it and its own, all of them where it is the root's.
    arrayMap(n -> n = indexOf(parents, 0) ? entry_nodes : climbed.1[n], nodes) AS under
  FROM (
    SELECT
      *,
      -- Nodes above each node and itself by which work comes in, and the node so many levels up: 2, 4, 8, 16, 32.
      arrayFold((reached, step) -> (
          arrayMap((known, n) -> arrayConcat(known, reached.1[n]), reached.1, reached.2),
          arrayMap(n -> reached.2[n], reached.2)),
        range(5),
        (arrayMap((n, entry) -> entry OR has(answered, n) ? [n] : emptyArrayUInt32(), arrayEnumerate(ids), entries),
         arrayMap(upper -> nodes[upper], above))) AS climbed,
      -- A call of two sides is told by the callee's row.
      arrayMap((n, upper, same, told, service) ->
        same ? if(parents[upper] = 0, '', concat('c\0', services[upper], '\0callee\0', service))
             : if(has(answered, n), '', told),
        arrayEnumerate(ids), above, answers, calls_told, services) AS told_calls
    FROM (
      SELECT
        *,
        -- The row that stands for each row's node: that of the caller's side.
        arrayMap((n, upper, same) -> same ? upper : n, arrayEnumerate(ids), above, answers) AS nodes,
        arrayFilter((n, same) -> same, above, answers) AS answered
      FROM (
        SELECT
          *,
          arrayMap((kind, upper, path) -> kind = 'server' AND kinds[upper] = 'client' AND path = paths[upper],
                   kinds, above, paths) AS answers
        FROM (
          SELECT *, arrayMap(parent -> indexOf(ids, parent), parents) AS above
          FROM (
            SELECT
              trace_id AS trace, groupArray(id) AS ids, groupArray(parent_id) AS parents, groupArray(span_id) AS paths,
              groupArray(kind_) AS kinds, groupArray(service_) AS services, groupArray(enters) AS entries,
              groupArrayIf((id, kind_, service_, toString(name), toString(instance), toString(s.version), s.start_us,
                            s.duration_us, error, toString(error_type)), enters) AS calls,
              groupArray(marks) AS row_marks, groupArray(call_told) AS calls_told,
              min(s.start_us) AS first_start, bitAnd(groupBitOr(flags), 4) != 0 AS loaded,
              arraySort(groupUniqArrayIf(env_, env_ != '')) AS all_envs
            FROM (
              WITH
                toString(service) AS service_, toString(kind) AS kind_, toString(env) AS env_, concat(service_, '\0') AS owner,
                multiIf(kind_ = 'consumer' AND peer != '', concat('mq:', peer), caller_service != '', toString(caller_service),
                        kind_ = 'server' AND parent_id = 0, 'USER', '') AS caller,
                multiIf(peer = '', '', kind_ = 'producer', concat('mq:', peer),
                        peer_kind IN ('db', 'mq', 'cache', 'external'), concat(peer_kind, ':', peer), toString(peer)) AS far_end,
                if(kind_ IN ('client', 'producer'), service_, caller) AS from_node,
                multiIf(kind_ IN ('server', 'consumer'), service_, kind_ IN ('client', 'producer'), far_end, '') AS to_node
              SELECT
                trace_id, id, parent_id, span_id, kind_, service_, name, instance, version, start_us, duration_us, error,
                error_type, flags, env_, kind_ IN ('server', 'consumer') OR parent_id = 0 AS enters,
                if(parent_id = 0 OR from_node = '' OR to_node = '', '', concat('c\0', from_node, '\0callee\0', to_node)) AS call_told,
                arrayConcat(
                  arrayFilter(mark -> mark != '', arrayMap(
                    (key, value) -> if(lengthUTF8(value) <= 256 AND position(value, '\n') = 0,
                                       concat('t\0', owner, key, '\0', value), ''),
                    arrayConcat(mapKeys(attrs), mapKeys(tags)), arrayConcat(mapValues(attrs), mapValues(tags)))),
                  [concat('f\0', owner, 'operation\0', name)],
                  version = '' ? emptyArrayString() : [concat('f\0', owner, 'version\0', version)],
                  instance = '' ? emptyArrayString() : [concat('f\0', owner, 'instance\0', instance)],
                  zone = '' ? emptyArrayString() : [concat('f\0', owner, 'zone\0', zone)],
                  env = '' ? emptyArrayString() : [concat('f\0', owner, 'env\0', env)],
                  kind_ NOT IN ('server', 'consumer') OR caller = '' ? emptyArrayString()
                    : [concat('f\0', owner, 'caller\0', caller)]) AS marks
              FROM $database.spans
              WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
                AND start_us BETWEEN {low:UInt64} AND {high:UInt64}
                AND intDiv(start_us, 3600000000) BETWEEN intDiv({low:UInt64}, 3600000000) AND intDiv({high:UInt64}, 3600000000)
            ) AS s
            GROUP BY trace_id))))
    WHERE NOT arrayExists(n -> n > 0, climbed.2))
)
ARRAY JOIN calls AS call, entry_nodes AS entry
SETTINGS max_threads = 1, group_by_two_level_threshold = 0, group_by_two_level_threshold_bytes = 0
