INSERT INTO price_entry (event_id, version, amount_nano_usd, price_state, reason, rate_source, created_at_ms)
VALUES (:eventId, :version, :amountNanoUsd, :priceState, :reason, :rateSource, :createdAtMs);
