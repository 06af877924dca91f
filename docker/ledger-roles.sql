-- Logins of the ledger, made when its volume is empty. Whoever holds one can do what that role may, and no more; migrations grant
-- the rights. The names are those that migrations look for.
\getenv worker_password WORKER_DB_PASSWORD
\getenv gateway_password GATEWAY_DB_PASSWORD
create role countersign_worker login nosuperuser nocreatedb nocreaterole password :'worker_password';
create role countersign_gateway login nosuperuser nocreatedb nocreaterole password :'gateway_password';
create role countersign_exporter nologin;
grant countersign_worker, countersign_gateway, countersign_exporter to current_user;
revoke all on database :"DBNAME" from public;
grant connect on database :"DBNAME" to countersign_worker, countersign_gateway, countersign_exporter;
