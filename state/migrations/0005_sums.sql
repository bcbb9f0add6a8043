-- What many absurd messages add up to needs more than 64 bits; 64 bits too few would end all counting.
ALTER TABLE usage_quarters ALTER input_tokens TYPE HUGEINT;
ALTER TABLE usage_quarters ALTER output_tokens TYPE HUGEINT;
ALTER TABLE usage_quarters ALTER cache_write_tokens TYPE HUGEINT;
ALTER TABLE usage_quarters ALTER cache_read_tokens TYPE HUGEINT;
ALTER TABLE usage_quarters ALTER cost_nano TYPE HUGEINT;
