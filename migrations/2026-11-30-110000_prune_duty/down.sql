-- Loses: nothing
DELETE FROM sweeps WHERE duty = 'prune';
DELETE FROM schema_compatibility WHERE version = '20261130110000';
