INSERT INTO usage_event (
  id, team_id, transaction_id, body_hash, body, received_at_ms, window_time_ms, window_flagged, usage_state, model,
  requested_model, provider, subscriber_id, subscriber_email, alias_key, organization, product, credential,
  credential_name, agent, task_type, input_tokens, output_tokens, total_tokens, cached_tokens, failed,
  kind, image_count, video_count, audio_count, character_count, credits_nano, duration_ms, agentic_job_id, trace_id,
  department_line, hold_id
)
SELECT
  id, CAST(:teamId AS TEXT),
  transaction_id, body_hash, body, received_at_ms, window_time_ms, window_flagged, usage_state, model,
  requested_model, provider, subscriber_id, subscriber_email, alias_key, organization, product, credential,
  credential_name, agent, task_type, input_tokens, output_tokens, total_tokens, cached_tokens, failed,
  kind, image_count, video_count, audio_count, character_count, credits_nano, duration_ms, agentic_job_id, trace_id,
  department_line, hold_id
FROM unnest(
  CAST(:id AS TEXT[]), CAST(:transactionId AS TEXT[]), CAST(:bodyHash AS TEXT[]), CAST(:body AS TEXT[]),
  CAST(:receivedAtMs AS BIGINT[]), CAST(:windowTimeMs AS BIGINT[]), CAST(:windowFlagged AS BIGINT[]),
  CAST(:usageState AS TEXT[]), CAST(:model AS TEXT[]), CAST(:requestedModel AS TEXT[]), CAST(:provider AS TEXT[]),
  CAST(:subscriberId AS TEXT[]), CAST(:subscriberEmail AS TEXT[]), CAST(:aliasKey AS TEXT[]),
  CAST(:organization AS TEXT[]), CAST(:product AS TEXT[]), CAST(:credential AS TEXT[]),
  CAST(:credentialName AS TEXT[]), CAST(:agent AS TEXT[]), CAST(:taskType AS TEXT[]), CAST(:inputTokens AS BIGINT[]),
  CAST(:outputTokens AS BIGINT[]), CAST(:totalTokens AS BIGINT[]), CAST(:cachedTokens AS BIGINT[]),
  CAST(:failed AS BIGINT[]), CAST(:kind AS TEXT[]), CAST(:imageCount AS BIGINT[]), CAST(:videoCount AS BIGINT[]),
  CAST(:audioCount AS BIGINT[]), CAST(:characterCount AS BIGINT[]), CAST(:creditsNano AS BIGINT[]),
  CAST(:durationMs AS BIGINT[]), CAST(:agenticJobId AS TEXT[]), CAST(:traceId AS TEXT[]),
  CAST(:departmentLine AS TEXT[]), CAST(:holdId AS TEXT[])
) AS given (id, transaction_id, body_hash, body, received_at_ms, window_time_ms, window_flagged, usage_state, model,
  requested_model, provider, subscriber_id, subscriber_email, alias_key, organization, product, credential,
  credential_name, agent, task_type, input_tokens, output_tokens, total_tokens, cached_tokens, failed, kind,
  image_count, video_count, audio_count, character_count, credits_nano, duration_ms, agentic_job_id, trace_id,
  department_line, hold_id)
ON CONFLICT (team_id, transaction_id) DO NOTHING
RETURNING id;
