SELECT DISTINCT host, url, service
FROM (
  SELECT
    tags['server.address'] AS host,
    if(attrs['url.full'] = '', '', concat(protocol(attrs['url.full']), '://', netloc(attrs['url.full']))) AS url,
    toString(peer) AS service
  FROM $database.spans
  WHERE start_us BETWEEN {low:UInt64} AND {high:UInt64} AND ($hosts) AND kind = 'client' AND peer_kind = 'service'
  LIMIT 10000
)
