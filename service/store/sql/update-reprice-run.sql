UPDATE reprice_run SET after_ms = :afterMs, after_id = :afterId, examined = :examined, repriced = :repriced,
  unknown = :unknown, moved_nano_usd = :movedNanoUsd, finished_at_ms = :finishedAtMs
WHERE id = :id;
