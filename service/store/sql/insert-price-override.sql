INSERT INTO price_override (
  id, team_id, provider, model, name_key, kind, rates, service_tier, valid_from_ms, valid_until_ms, withdrawn,
  declared_by, import_id, version, created_at_ms
) VALUES (
  :id, :teamId, :provider, :model, :nameKey, :kind, :rates, :serviceTier, :validFromMs, :validUntilMs, :withdrawn,
  :declaredBy, :importId, :version, :createdAtMs
);
