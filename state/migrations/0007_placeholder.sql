-- Nothing: this number is another change's, and versions have no gap.
SELECT 1;
