UPDATE webhook SET
  name = :name, url = :url, events = :events, enabled = :enabled, updated_at_ms = :nowMs,
  disabled_reason = CASE WHEN :revived = 1 THEN NULL ELSE disabled_reason END,
  failing_since_ms = CASE WHEN :revived = 1 THEN NULL ELSE failing_since_ms END,
  failures = CASE WHEN :revived = 1 THEN 0 ELSE failures END,
  paused_until_ms = CASE WHEN :revived = 1 THEN 0 ELSE paused_until_ms END
WHERE id = :id;
