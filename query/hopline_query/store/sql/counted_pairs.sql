-- Calls that meet two terms, by the places of the terms.
SELECT i, j, countIf(chosen), count() - countIf(chosen), sum(print)
FROM (SELECT chosen, print, $items AS items FROM ($calls) WHERE length(items) > 1)
ARRAY JOIN items AS i ARRAY JOIN arrayFilter(item -> item > i, items) AS j
GROUP BY i, j
