-- Version 1. Events are SWF's event JSON; times are epoch seconds.

create table runs (
    number      integer primary key,           -- in the order of their starts
    run_id      text not null unique,
    workflow_id text not null,
    root_id     text not null,                 -- run id of the execution that its family began with
    name        text not null,                 -- of the workflow type
    version     text not null,
    status      text not null default 'open',
    started     real not null,
    closed      real,
    owner       text not null                  -- token of the process that drives it
);

create unique index one_open_run on runs (workflow_id) where status = 'open';

create table events (
    run   integer not null references runs (number),
    id    integer not null,
    event text not null,
    primary key (run, id)
) without rowid;

create table messages (
    id      integer primary key,
    run     integer not null references runs (number),
    message text not null
);

create table owners (
    token text primary key,
    pid   integer not null
) without rowid;
