INSERT INTO usage_event (
  id, team_id, transaction_id, body_hash, body, received_at_ms, window_time_ms, window_flagged, usage_state, model,
  requested_model, provider, subscriber_id, subscriber_email, alias_key, organization, product, credential,
  credential_name, agent, task_type, input_tokens, output_tokens, total_tokens, cached_tokens, failed,
  kind, image_count, video_count, audio_count, character_count, credits_nano, duration_ms, agentic_job_id, trace_id,
  department_line, hold_id
) VALUES (
  :id, :teamId, :transactionId, :bodyHash, :body, :receivedAtMs, :windowTimeMs, :windowFlagged, :usageState, :model,
  :requestedModel, :provider, :subscriberId, :subscriberEmail, :aliasKey, :organization, :product, :credential,
  :credentialName, :agent, :taskType, :inputTokens, :outputTokens, :totalTokens, :cachedTokens, :failed,
  :kind, :imageCount, :videoCount, :audioCount, :characterCount, :creditsNano, :durationMs, :agenticJobId, :traceId,
  :departmentLine, :holdId
) ON CONFLICT (team_id, transaction_id) DO NOTHING
RETURNING id;
