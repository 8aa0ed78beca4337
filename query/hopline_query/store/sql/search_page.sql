SELECT body FROM $database.settled WHERE $page ORDER BY $order LIMIT $limit
