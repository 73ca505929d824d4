SELECT COUNT(*) AS total FROM usage_event e
WHERE e.team_id = :teamId AND e.kind <> 'completion' AND e.kind = CAST(:kind AS TEXT)
  AND e.window_time_ms >= :fromMs AND e.window_time_ms <= :toMs
  AND (CAST(:kind AS TEXT) IS NULL OR e.kind = :kind)
  AND (CAST(:model AS TEXT) IS NULL OR e.model = :model OR e.requested_model = :model)
  AND (CAST(:subscriber AS TEXT) IS NULL OR e.subscriber_id = :subscriber
    OR LOWER(e.subscriber_email) = LOWER(:subscriber));
