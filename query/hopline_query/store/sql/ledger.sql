SELECT
  toString(source), toString(topic), partition, max(end_offset), max(arrived), sum(received), sum(stored),
  sum(dead), sum(sampled_out), sum(duplicate), sumMap(rejected), sum(gap)
FROM $database.ledger
GROUP BY source, topic, partition
ORDER BY source, topic, partition
LIMIT 10000
