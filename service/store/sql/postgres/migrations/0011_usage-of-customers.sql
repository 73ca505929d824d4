-- The events of one subscriber, in the order of the time that windows count: a report reads these and no others.
CREATE INDEX usage_event_subscriber ON usage_event (team_id, subscriber_id, window_time_ms, id)
  WHERE subscriber_id IS NOT NULL;
