FROM $database.arrivals AS a
WHERE intDiv(arrived, 10000000) IN ($open)
  OR (intDiv(arrived, 10000000) >= intDiv({moved_after:UInt64}, 10000000) AND arrived > {moved_after:UInt64})
