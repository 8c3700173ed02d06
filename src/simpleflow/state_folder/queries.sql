-- name: begin_run
insert into runs (run_id, workflow_id, root_id, name, version, started, owner) values (?, ?, ?, ?, ?, ?, ?);

-- name: add_events
insert into events (place, event, sum) values (?, ?, ?);

-- name: fence
-- The transaction holds the write lock: an execution that is open and ours now stays so until its commit.
select 1 from runs where number = ? and owner = ? and status = 'open';

-- name: close_run
update runs set status = ?, closed = ? where number = ?;

-- name: add_message
insert into messages (run, message) values (?, ?);

-- name: remove_message
delete from messages where id = ?;

-- name: remove_messages_of
delete from messages where run = ?;

-- name: messages_of
select messages.id, runs.workflow_id, runs.run_id, messages.message
from messages join runs on runs.number = messages.run
where runs.owner = ? and runs.status = 'open'
order by messages.id;

-- name: open_run
select number, run_id, root_id, owner from runs where workflow_id = ? and status = 'open';

-- name: open_family
select number, workflow_id, run_id, root_id from runs where root_id = ? and status = 'open' order by number;

-- name: own_family
update runs set owner = ? where root_id = ? and status = 'open';

-- name: release_family
update runs set owner = '' where root_id = ? and owner = ? and status = 'open';

-- name: run_number
select number from runs where run_id = ?;

-- name: events_between
select place, event, sum from events where place >= ? and place < ? order by place limit ?;

-- name: last_events
select place, event, sum from events where place >= ? and place < ? order by place desc limit ?;

-- name: contexts_of
-- In the short form, a DecisionTaskCompleted has the number 14, and its context the index 5 (``core.compact``): without
-- text in it, it has none. The comparisons find these events without a look into the others.
select json_extract(event, iif(event < '{', '$[5]', '$.decisionTaskCompletedEventAttributes.executionContext'))
from events
where place between ? << 32 and (? << 32) + 4294967295
and (
    (event between '[14,' and '[14-' and instr(event, '"'))
    or (event between '{' and '|' and instr(event, '"executionContext"'))
)
order by place;

-- name: keep_events_of_version_1
alter table events rename to events_1;

-- name: move_events_of_version_1
insert into events (place, event) select (run << 32) + id, event from events_1 order by run, id;

-- name: drop_events_of_version_1
drop table events_1;

-- name: keep_run
insert into runs (number, run_id, workflow_id, root_id, name, version, status, started, closed, owner)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, '');

-- name: add_checksums
alter table events add column sum integer;

-- name: signature
select format, release from about;

-- name: sign
insert into about (format, release) values (?, ?);

-- name: remove_signature
delete from about;

-- name: runs
-- ``engines.sqlite.rows`` adds the conditions.
select workflow_id, run_id, name, version, status, started, closed, owner from runs;

-- name: add_owner
insert into owners (token, pid) values (?, ?);

-- name: all_owners
select token from owners;

-- name: owner_pid
select pid from owners where token = ?;

-- name: remove_owner
delete from owners where token = ?;

-- name: rows_of_runs
select number, run_id, workflow_id, root_id, name, version, status, started, closed, owner from runs order by number;

-- name: run_ids
select run_id from runs;

-- name: remove_events_of
delete from events where place between ? << 32 and (? << 32) + 4294967295;

-- name: remove_run
delete from runs where number = ?;
