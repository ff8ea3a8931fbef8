-- Loses: all tokens
DELETE FROM schema_compatibility WHERE version = '20261201000000';
ALTER TABLE workers DROP token_name;
DROP TABLE tokens;
