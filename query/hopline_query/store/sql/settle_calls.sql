-- The entry calls of plain traces (settle_plain.sql) with their marks and, of those that did one thing after the other, the
-- parts of their time, as hopline_query.store.settled_calls makes them of trees. Traces of more than 32 levels are left
-- out, and their calls made from their trees.
INSERT INTO $database.settled_calls (
  trace_id, settled, began_us, load_test, envs, id, kind, service, name, instance, version, start_us, duration_us,
  unfinished, error, error_type, told, parts, parts_us, marks, cut)
SELECT
  trace, {version:UInt64}, first_start, loaded, all_envs, call.1, call.2, call.3, call.4, call.5, call.6, call.7, call.8,
  0, call.9, call.10, told_, held_.1, held_.2,
  -- Marks stay in the arrays of their rows until here: texts that are copied with each row or grouped cost most.
  arrayDistinct(arrayFlatten(arrayFilter((one, held) -> held, marks, arrayMap(nodes -> has(nodes, entry), under)))), 0
FROM (
  SELECT
    trace, first_start, loaded, all_envs, call, entry, marks, under,
    -- Of a call that its own caller's side told there is no network around it.
    NOT has(broken, entry) AND NOT has(answered, row) AS told_,
    arrayFilter(
      (time, n, seen, by) -> told_ AND (n = row OR seen AND has(by, entry) AND (n != entry OR entry = row)),
      times, places, shown, waiting) AS held_
  FROM (
    SELECT
      trace, first_start, loaded, all_envs, calls, answered, places, shown, times,
      arrayFilter((node, enters) -> enters, nodes, entries) AS entry_nodes,
      arrayFilter((row, enters) -> enters, places, entries) AS entry_rows,
      arrayMap((own, told) -> told = '' ? own : arrayPushBack(own, told), row_marks, told_calls) AS marks,
      -- The nodes whose entry calls each row marks: those above it and its own, all of them where it is the root's.
      arrayMap(n -> climbed.1[n], nodes) AS ways,
      arrayMap((n, way) -> n = indexOf(parents, 0) ? entry_nodes : way, nodes, ways) AS under,
      -- Those whose entry calls wait for it: up to the first that began with a message.
      has(kinds, 'consumer') ? arrayMap(way -> arraySlice(way, 1,
          arrayFirstIndex(n -> kinds[n] = 'consumer', arrayPushBack(way, indexOf(kinds, 'consumer')))), ways) : ways AS waiting,
      -- Rows by which the calls above them did not one thing after the other, or not surely.
      arrayConcat(
        arrayFilter((place, fit, n, same, host) ->
          fit = 1 OR (has(fits, 2) AND n > 0 AND NOT same AND host != hosts[n]), places, fits, above, answers, hosts),
        arrayFilter(n -> n > 0, arrayMap(
          (next, one) -> next.1 = one.1 AND next.2 < one.2 + one.3 ? next.1 : 0,
          arrayPopFront(turns), arrayPopBack(turns)))) AS faults,
      arrayDistinct(arrayFlatten(arrayMap(n -> waiting[n], faults))) AS broken
    FROM (
      SELECT
        *,
        -- Nodes above each node and itself by which work comes in, and the node so many levels up: 2, 4, 8, 16, 32.
        arrayFold((reached, step) -> (
            arrayMap((known, n) -> arrayConcat(known, reached.1[n]), reached.1, reached.2),
            arrayMap(n -> reached.2[n], reached.2)),
          range(5),
          (arrayMap((n, entry) -> entry OR has(answered, n) ? [n] : emptyArrayUInt32(), places, entries),
           arrayMap(upper -> nodes[upper], above))) AS climbed,
        -- A call of two sides is told by the callee's row.
        arrayMap((n, upper, same, told, service) ->
          same ? if(parents[upper] = 0, '', concat('c\0', services[upper], '\0callee\0', service))
               : if(has(answered, n), '', told),
          places, above, answers, calls_told, services) AS told_calls,
        -- What each row took beyond those that it waited for: of a caller's side that is the network.
        arrayMap((id, took) -> toInt64(took) - toInt64(below.2[indexOf(below.1, id)]), ids, durations) AS spent,
        arrayMap((n, text, us) ->
          (indexOf(answering, n) > 0 ? concat('n', substring(texts[indexOf(answering, n)], 2)) : text, us),
          places, texts, spent) AS times,
        arrayMap((n, us, place) -> durations[n] > 0 AND (us > 0 OR NOT has(answered, place)), nodes, spent, places) AS shown,
        -- 0: within the row above it; 2: so once the callee's clock is put right; 1: neither.
        arrayMap((n, kind, same, start, took, host) -> multiIf(
            n = 0 OR kind = 'consumer' OR (took = 0 AND NOT same), 0,
            NOT same AND has(answered, n), 1,
            start >= starts[n] AND start + took <= starts[n] + durations[n], 0,
            same AND took <= durations[n] AND host != hosts[n] AND abs(
              toInt64(starts[n]) + intDiv(toInt64(durations[n]) - toInt64(took), 2) - toInt64(start)) <= 100000, 2,
            1),
          above, kinds, answers, starts, durations, hosts) AS fits,
        -- Rows that somebody waited for, by the row above and their start: one after the other, or beside the next.
        arraySort(arrayFilter(one -> one.1 > 0, arrayMap(
          (n, kind, start, took) -> (kind = 'consumer' OR took = 0 ? 0 : n, start, took),
          above, kinds, starts, durations))) AS turns
      FROM (
        SELECT
          *,
          arrayEnumerate(ids) AS places, arrayMap(parent -> indexOf(ids, parent), parents) AS above,
          arrayMap((kind, upper, path) -> kind = 'server' AND kinds[upper] = 'client' AND path = paths[upper],
                   kinds, above, paths) AS answers,
          -- The row that stands for each row's node: that of the caller's side.
          arrayMap((n, upper, same) -> same ? upper : n, places, above, answers) AS nodes,
          arrayMap((n, same) -> same ? n : 0, above, answers) AS answering,
          arrayFilter((n, same) -> same, above, answers) AS answered
        FROM (
          SELECT
            trace_id AS trace, groupArray(id) AS ids, groupArray(parent_id) AS parents, groupArray(span_id) AS paths,
            groupArray(kind_) AS kinds, groupArray(service_) AS services, groupArray(enters) AS entries,
            groupArrayIf((id, kind_, service_, toString(name), toString(instance), toString(s.version), s.start_us,
                          s.duration_us, error, toString(error_type)), enters) AS calls,
            groupArray(marks) AS row_marks, groupArray(call_told) AS calls_told,
            groupArray(s.start_us) AS starts, groupArray(s.duration_us) AS durations, groupArray(host_) AS hosts,
            groupArray(concat('o\0', service_, '\0', name)) AS texts,
            sumMap([parent_id], [kind_ = 'consumer' ? 0 : s.duration_us]) AS below,
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
              error_type, flags, env_,
              cityHash64(multiIf(host != '', toString(host), position(instance, ':') = 1 OR instance = '', service_,
                                 splitByChar(':', toString(instance))[1])) AS host_,
              kind_ IN ('server', 'consumer') OR parent_id = 0 AS enters,
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
          GROUP BY trace_id))
      WHERE NOT arrayExists(n -> n > 0, climbed.2)))
  ARRAY JOIN calls AS call, entry_nodes AS entry, entry_rows AS row)
SETTINGS max_threads = 1, group_by_two_level_threshold = 0, group_by_two_level_threshold_bytes = 0
