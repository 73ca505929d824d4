UPDATE customer SET
  name = :name, email = :email, email_key = :emailKey, search_key = :searchKey, active = :active,
  budget_control_id = :budgetControlId, updated_at_ms = :nowMs
WHERE id = :id;
