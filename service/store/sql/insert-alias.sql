INSERT INTO subscriber_alias (team_id, email_key, subscriber_id) VALUES (:teamId, :emailKey, :subscriberId);
