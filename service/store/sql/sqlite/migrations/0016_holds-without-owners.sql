-- No statement looks holds up by their owner; every hold that is taken wrote an entry of it.
DROP INDEX hold_owner;
