INSERT INTO customer (
  id, team_id, number, name, email, email_key, search_key, active, budget_control_id, created_at_ms, updated_at_ms
) VALUES (
  :id, :teamId, :number, :name, :email, :emailKey, :searchKey, :active, :budgetControlId, :nowMs, :nowMs
);
