-- The figures of plain traces (docs/schema.md, "Settled traces"): those whose tree follows from ids and paths alone.
-- What hopline_query.tree.summary says of them; every other trace is left out, and settled from its tree.
INSERT INTO $database.settled (
  trace_id, version, start_us, last_us, end_us, duration_us, spans, nodes, errors, unfinished,
  rootless, root_error, load_test, debug, truncated, weight, arrived, service, name, status,
  failure, services, service_rows, service_errors, operations, versions, envs, uids, tags, tagged, calls, called)
WITH
  -- Each row: the number of its parent's row (0 for the root), whether it stands on its parent's path.
  arrayMap(parent -> indexOf(ids, parent), parents) AS above,
  arrayMap(n -> kinds[n], above) AS above_kinds,
  arrayMap((path, n) -> n > 0 AND path = paths[n], paths, above) AS on_path,
  -- The callee's side of a call whose caller's side is here: both are one node, that of the caller's row.
  arrayMap((kind, upper, same) -> same AND kind = 2 AND upper = 1, kinds, above_kinds, on_path) AS answers,
  arrayFilter((n, same) -> same, above, answers) AS answered,
  arrayFilter((n, same) -> same, above, on_path) AS shared,
  arrayFilter((path, n, same) -> n > 0 AND NOT same, paths, above, on_path) AS numbered,
  arrayMap(path -> toUInt32OrZero(splitByChar('.', path)[-1]), numbered) AS ordinals,
  arrayMap(path -> substring(path, 1, length(path) - length(splitByChar('.', path)[-1])), numbered) AS heads,
  -- Paths that must be there if no child was lost: the sibling before, and the last that each row counted.
  arrayConcat(
    arrayFilter((path, ordinal) -> ordinal > 1,
                arrayMap((head, ordinal) -> concat(head, toString(ordinal - 1)), heads, ordinals), ordinals),
    arrayFilter((path, counted) -> counted > 0,
                arrayMap((path, counted) -> concat(path, '.', toString(counted)), paths, counters), counters)) AS wanted,
  -- The failing nodes, by the number of the row that stands for them, the one of the summary first.
  arraySort(n -> (-toInt32(countSubstrings(paths[n], '.')), starts[n]), arrayDistinct(arrayFilter(n -> n > 0, arrayMap(
    (n, upper, failing, same) -> if(failing, if(same, upper, n), 0),
    arrayEnumerate(ids), above, failed, answers)))) AS failures,
  failures[1] AS worst,
  indexOf(arrayMap((n, same) -> if(same, n, 0), above, answers), worst) AS worst_callee,
  if(worst_callee > 0, worst_callee, worst) AS worst_inner,
  ids[if(failed[worst_inner], worst_inner, worst)] AS worst_id,
  arrayFirst(one -> one.1 = worst_id, failed_rows) AS told,
  indexOf(parents, 0) AS root,
  indexOf(arrayMap((n, same) -> if(same, n, 0), above, answers), root) AS root_callee,
  arraySort(one -> (-one.2, one.1), arrayMap(
    one -> (one, toInt64(countEqual(row_services, one))), arrayDistinct(row_services))) AS sizes,
  -- Both ends of every call, as its row tells them, or as its other side does (docs/schema.md, "Pairing").
  -- A row meets those that began in its minute, or less than 6 s before or after that.
  (start, other) -> intDiv(start, 60000000) * 60000000 BETWEEN other - 65999999 AND other + 6000000 AS meets,
  arrayMap((told, role, start, n) ->
      bitAnd(role, 2 + 16) = 2 AND n > 0 AND bitAnd(roles[n], 4) AND meets(start, starts[n]) ? row_services[n] : told,
    callers_told, roles, starts, above) AS callers,
  arrayMap((told, role, start, one, service) -> bitAnd(role, 1) = 0 ? told : arrayFilter(name -> name != '', [
      arraySort(arrayFilter((_, other, parent, began) ->
          parent = one AND bitAnd(other, 2 + 16) = 2 AND meets(start, began),
        row_services, roles, parents, starts))[1],
      arraySort(arrayFilter((name, other, parent, began) ->
          parent = one AND bitAnd(other, 8) AND name != service AND meets(start, began),
        row_services, roles, parents, starts))[1],
      told])[1],
    callees_told, roles, starts, ids, row_services) AS callees,
  arrayDistinct(arrayZip(callers, callees, failed)) AS ends
SELECT
  trace, {version:UInt64}, first_start, last_start, last_end, durations[root],
  length(ids), length(ids) - length(answered), length(failures), 0,
  0, has(failures, root), bitAnd(flag_bits, 4) != 0, bitAnd(flag_bits, 2) != 0, 0, heaviest, newest,
  row_services[root], root_name,
  -- The nearest to the user that has a status, the caller's side before the callee's.
  arrayFirst(one -> one.1 = ids[root], statuses).1 != 0
    ? arrayFirst(one -> one.1 = ids[root], statuses).2
    : arrayFirst(one -> root_callee > 0 AND one.1 = ids[root_callee], statuses).2,
  worst > 0 ? (told.2, told.3, told.4, told.5, lower(leftPad(hex(ids[worst_inner]), 16, '0'))) : ('', '', '', '', ''),
  arrayMap(one -> one.1, sizes), arrayMap(one -> one.2, sizes),
  arrayMap(one -> arrayCount(row -> row.2 = one.1, failed_rows), sizes),
  arraySort(operation_texts), arraySort(version_texts), arraySort(env_texts), arraySort(uid_texts), arraySort(tag_texts), 1,
  -- `hopline_query.store.settled_rows.calls_of`.
  arraySort(arrayFilter(text -> text NOT IN ('\0', '\0\0e'), arrayDistinct(arrayFlatten(arrayMap(end -> arrayMap(
      text -> end.3 ? [text, concat(text, '\0e')] : [text],
      [concat(end.1, '\0', end.2), concat(end.1, '\0'), concat('\0', end.2)]), ends))))), 1
FROM (
  WITH "foreign" AND kind = 'server' AND mapContains(attrs, 'zipkin.shared') AS by_id
  SELECT
    trace_id AS trace,
    groupArray(id) AS ids, groupArray(parent_id) AS parents, groupArray(span_id) AS paths,
    groupArray(transform(toString(kind), ['client', 'server', 'producer', 'consumer'], [1, 2, 3, 4], 0)) AS kinds,
    groupArray(s.start_us) AS starts, groupArray(s.duration_us) AS durations,
    groupArray(children) AS counters, groupArray(error) AS failed, groupArray(toString(service)) AS row_services,
    groupArrayIf((id, toString(service), toString(name), toString(error_type), error_text), error) AS failed_rows,
    groupArray(multiIf(
      kind = 'local', '',
      kind IN ('client', 'producer'), toString(service),
      kind = 'consumer' AND peer != '', concat('mq:', peer),
      caller_service != '', toString(caller_service),
      kind = 'server' AND parent_id = 0 AND NOT by_id, 'USER',
      '')) AS callers_told,
    groupArray(multiIf(
      kind IN ('server', 'consumer'), toString(service),
      kind = 'local' OR peer = '', '',
      kind = 'producer', concat('mq:', peer),
      peer_kind IN ('db', 'mq', 'cache', 'external'), concat(peer_kind, ':', peer),
      toString(peer))) AS callees_told,
    -- 1: a client that its callee names. 2: a server that its caller names, 16: by the id that they share. Who lends its
    -- name: 4: to those it called, 8: to the client of another service by which it was called.
    groupArray(multiIf(
      kind = 'client' AND "foreign", if(peer_kind IN ('db', 'mq', 'cache'), 0, 1 + 4) + if(parent_id != 0, 8, 0),
      kind = 'client', if(peer_kind = '', 1 + 4, 0),
      kind = 'server' AND "foreign", 4 + if(by_id, 2 + 16, if(parent_id != 0, 2, 0)),
      kind = 'server', if(parent_id != 0 AND caller_service = '', 2, 0),
      kind = 'local' AND "foreign", 4,
      0)) AS roles,
    groupArrayIf(
      (id, tags[if(mapContains(tags, 'http.response.status_code'), 'http.response.status_code', 'http.status_code')]),
      (parent_id = 0 OR kind = 'server')
        AND (mapContains(tags, 'http.response.status_code') OR mapContains(tags, 'http.status_code'))) AS statuses,
    anyIf(toString(name), parent_id = 0) AS root_name,
    min(s.start_us) AS first_start, max(s.start_us) AS last_start, max(s.start_us + s.duration_us) AS last_end,
    groupBitOr(flags) AS flag_bits, max(weight) AS heaviest, max(s.arrived) AS newest,
    groupUniqArray(concat(service, '\0', name)) AS operation_texts,
    groupUniqArrayIf(concat(service, '\0', s.version), s.version != '') AS version_texts,
    groupUniqArrayIf(toString(env), env != '') AS env_texts, groupUniqArrayIf(uid, uid != '') AS uid_texts,
    groupUniqArrayArray(kv) AS tag_texts
  FROM $database.spans AS s
  WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
    AND s.start_us BETWEEN {low:UInt64} AND {high:UInt64}
    AND intDiv(s.start_us, 3600000000) BETWEEN intDiv({low:UInt64}, 3600000000) AND intDiv({high:UInt64}, 3600000000)
  GROUP BY trace_id
  -- Every row finished, with believable times and an id; one root; few enough to look up each row in the others.
  HAVING count() <= 256 AND max(s.unfinished) = 0 AND min(id) > 0 AND countIf(parent_id = 0) = 1
    AND first_start > 0 AND last_start < 253402300800000000 AND max(s.duration_us) <= 86400000000
    AND (max(span_id) = '' AND max(children) = 0 OR min(span_id) != '' AND anyIf(span_id, parent_id = 0) = '0')
)
WHERE length(arrayDistinct(ids)) = length(ids)
  AND countEqual(above, 0) = 1
  AND length(arrayDistinct(answered)) = length(answered)
  -- Of failing nodes of one depth one must have begun first.
  AND (length(failures) < 2
    OR (countSubstrings(paths[failures[2]], '.'), starts[failures[2]]) != (countSubstrings(paths[worst], '.'), starts[worst]))
  AND if(paths[root] = '',
    -- No paths: parents begin first, so there are no circles; depth is not known.
    length(failures) < 2 AND arrayAll(
      (n, start, took) -> n = 0 OR starts[n] < start OR (starts[n] = start AND durations[n] > took),
      above, starts, durations),
    -- Paths: each is its parent's or one number longer, none occurs twice, no number is missing.
    length(arrayDistinct(shared)) = length(shared)
      AND arrayAll((same, kind, upper) -> same ? kind IN (2, 4) AND kind = upper + 1 : upper != 3,
                   on_path, kinds, above_kinds)
      AND arrayAll((n, path, same) -> n = 0 OR same OR startsWith(path, concat(paths[n], '.')), above, paths, on_path)
      AND arrayAll((head, ordinal, path) -> ordinal > 0 AND path = concat(head, toString(ordinal)),
                   heads, ordinals, numbered)
      AND arrayAll((n, path, same) -> n = 0 OR same OR countSubstrings(path, '.') = countSubstrings(paths[n], '.') + 1,
                   above, paths, on_path)
      AND length(arrayDistinct(numbered)) = length(numbered)
      AND hasAll(numbered, wanted)
      AND arrayAll((kind, counted) -> kind != 3 OR counted = 0, kinds, counters)
      -- A consumer lies a step deeper than its path says.
      AND (length(failures) < 2 OR length(shared) = length(answered)))
-- Few large blocks: hundreds of small ones, as two-level aggregation makes, cost twice as much here.
SETTINGS max_threads = 1, group_by_two_level_threshold = 0, group_by_two_level_threshold_bytes = 0
