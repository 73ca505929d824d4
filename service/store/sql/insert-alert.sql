INSERT INTO alert (id, webhook_id, team_id, event_id, type, body, state, attempts, next_at_ms, created_at_ms)
SELECT
  CAST(:id AS TEXT), w.id, w.team_id, CAST(:eventId AS TEXT), CAST(:type AS TEXT), CAST(:body AS TEXT), 'waiting', 0,
  CAST(:nowMs AS BIGINT), CAST(:nowMs AS BIGINT)
FROM webhook w
WHERE w.id = :webhookId AND w.team_id = :teamId AND w.enabled = 1 AND w.deleted_at_ms IS NULL
  AND w.events LIKE '%,' || CAST(:type AS TEXT) || ',%'
  AND (SELECT COUNT(*) FROM (
    SELECT 1 AS one FROM alert a WHERE a.webhook_id = :webhookId AND a.state = 'waiting' LIMIT 1000
  ) AS queue) < 1000
ON CONFLICT DO NOTHING RETURNING id;
