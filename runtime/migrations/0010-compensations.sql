-- Which effect a call undoes. No foreign keys: calls and effects would point to each other, and a backup could not be loaded.

alter table countersign.tool_calls add column compensates text;
-- An effect is undone at most once, whatever arguments the compensating calls have.
alter table countersign.effects add column compensates text constraint effects_compensate_once unique;
