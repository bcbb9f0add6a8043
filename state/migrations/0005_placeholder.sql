-- Taken by another migration; replaced when the two meet.
SELECT 1;
