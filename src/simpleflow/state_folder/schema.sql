-- Version 4. Times are epoch seconds.

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
    place integer primary key,                 -- the run's number, and the event's id in the lower 32 bits: appending
    event text not null,                       -- to a table of this kind touches two pages, to one of pairs seven.
                                               -- It is in the short form (core.compact), or is SWF's JSON
    sum   integer,                             -- checksum of the text; null: written by a release without checksums
    run   integer generated always as (place >> 32) virtual,
    id    integer generated always as (place & 4294967295) virtual
);

create table if not exists about (
    format  integer not null,                  -- the version of this schema
    release text not null                      -- of simpleflow that has made it
);

create table if not exists marks (
    key      text primary key,                 -- prefix/name
    body     blob not null,
    modified real not null,
    sum      integer not null                  -- checksum of key and body
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
