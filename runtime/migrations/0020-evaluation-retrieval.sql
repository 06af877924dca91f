-- How well the documents were found that a case cites.

-- nDCG@10 of those that reached the prompt, 0 to 1; null where the case cites none, or the release searches none.
alter table countersign.evaluation_results add column ndcg_10 double precision check (ndcg_10 between 0 and 1);
