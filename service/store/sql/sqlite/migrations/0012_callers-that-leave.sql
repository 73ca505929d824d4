-- What the gateway does with a call whose caller has left: auto, abort or drain.
ALTER TABLE cost_control ADD COLUMN on_client_leave TEXT NOT NULL DEFAULT 'auto';
