INSERT INTO usage_event (
  id, team_id, transaction_id, body_hash, body, received_at_ms, window_time_ms, window_flagged, usage_state, model,
  requested_model, provider, subscriber_id, subscriber_email, alias_key, organization, product, credential,
  credential_name, agent, task_type, input_tokens, output_tokens, total_tokens, cached_tokens, failed
) VALUES (
  :id, :teamId, :transactionId, :bodyHash, :body, :receivedAtMs, :windowTimeMs, :windowFlagged, :usageState, :model,
  :requestedModel, :provider, :subscriberId, :subscriberEmail, :aliasKey, :organization, :product, :credential,
  :credentialName, :agent, :taskType, :inputTokens, :outputTokens, :totalTokens, :cachedTokens, :failed
) ON CONFLICT (team_id, transaction_id) DO NOTHING
RETURNING id;
