INSERT INTO hold (
  team_id, id, owner, state, sequence, ttl_ms, taken_at_ms, expires_at_ms, ended_at_ms, recalled, call
)
SELECT CAST(:teamId AS TEXT), id, owner, state, sequence, ttl_ms, taken_at_ms, expires_at_ms, ended_at_ms, recalled, call
FROM unnest(
  CAST(:id AS TEXT[]), CAST(:owner AS TEXT[]), CAST(:state AS TEXT[]), CAST(:sequence AS BIGINT[]),
  CAST(:ttlMs AS BIGINT[]), CAST(:takenAtMs AS BIGINT[]), CAST(:expiresAtMs AS BIGINT[]),
  CAST(:endedAtMs AS BIGINT[]), CAST(:recalled AS BIGINT[]), CAST(:call AS TEXT[])
) AS given (id, owner, state, sequence, ttl_ms, taken_at_ms, expires_at_ms, ended_at_ms, recalled, call)
ON CONFLICT (team_id, id) DO UPDATE SET
  state = excluded.state, sequence = excluded.sequence, expires_at_ms = excluded.expires_at_ms,
  ended_at_ms = excluded.ended_at_ms, recalled = excluded.recalled;
