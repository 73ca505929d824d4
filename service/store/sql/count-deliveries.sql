SELECT COUNT(*) AS total FROM alert WHERE webhook_id = :webhookId AND team_id = :teamId;
