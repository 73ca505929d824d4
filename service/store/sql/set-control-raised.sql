UPDATE cost_control SET raised = :raised, raised_until_ms = :untilMs WHERE id = :id;
