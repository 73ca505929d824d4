INSERT INTO bypass (team_id, since_ms, until_ms, reason, by_text)
VALUES (:teamId, :sinceMs, :untilMs, :reason, :byText)
ON CONFLICT (team_id) DO UPDATE SET
  since_ms = excluded.since_ms, until_ms = excluded.until_ms, reason = excluded.reason, by_text = excluded.by_text;
