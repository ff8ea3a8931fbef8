-- Loses: nothing
DROP TABLE schema_compatibility;
