INSERT INTO price_entry (event_id, version, amount_nano_usd, price_state, reason, rate_source, created_at_ms)
SELECT event_id, version, amount_nano_usd, price_state, reason, rate_source, created_at_ms
FROM unnest(
  CAST(:eventId AS TEXT[]), CAST(:version AS BIGINT[]), CAST(:amountNanoUsd AS BIGINT[]),
  CAST(:priceState AS TEXT[]), CAST(:reason AS TEXT[]), CAST(:rateSource AS TEXT[]), CAST(:createdAtMs AS BIGINT[])
) AS given (event_id, version, amount_nano_usd, price_state, reason, rate_source, created_at_ms);
