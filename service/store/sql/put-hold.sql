INSERT INTO hold (
  team_id, id, owner, state, sequence, ttl_ms, taken_at_ms, expires_at_ms, ended_at_ms, recalled, call
) VALUES (
  :teamId, :id, :owner, :state, :sequence, :ttlMs, :takenAtMs, :expiresAtMs, :endedAtMs, :recalled, :call
) ON CONFLICT (team_id, id) DO UPDATE SET
  state = excluded.state, sequence = excluded.sequence, expires_at_ms = excluded.expires_at_ms,
  ended_at_ms = excluded.ended_at_ms, recalled = excluded.recalled;
