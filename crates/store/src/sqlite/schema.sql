-- Times are milliseconds since 1970. Every row belongs to a tenant.
-- Each index that accepting or settling touches costs as much as the row: there are as few as can be.

CREATE TABLE notification (
    seq INTEGER NOT NULL PRIMARY KEY,               -- in the order in which they were accepted
    tenant TEXT NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    action TEXT NOT NULL,
    status TEXT NOT NULL
        -- Not IN (...): that makes a table of its own for every row that is written.
        CHECK (status = 'queued' OR status = 'leased' OR status = 'sent' OR status = 'dropped' OR status = 'exhausted'
            OR status = 'expired' OR status = 'canceled'),
    attempts INTEGER NOT NULL,                      -- that have begun
    lost INTEGER NOT NULL DEFAULT 0,                -- of those, that ended with their node
    accepted_at INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    settled_at INTEGER,
    lease_owner BLOB,
    lease_epoch INTEGER NOT NULL,
    lease_until INTEGER,
    idempotency_key BLOB,                           -- both are keyed hashes
    request BLOB NOT NULL,
    replay_of BLOB,                                 -- the notification that this one repeats
    UNIQUE (tenant, id),
    CHECK ((status = 'leased') = (lease_owner IS NOT NULL)),
    CHECK ((status IN ('queued', 'leased')) = (settled_at IS NULL))
) STRICT;

CREATE UNIQUE INDEX notification_once ON notification (tenant, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX notification_due ON notification (run_at) WHERE status = 'queued';
CREATE INDEX notification_unsettled ON notification (status, tenant, run_at) WHERE status = 'queued' OR status = 'leased';

-- What a notification is to send, until that is erased. Apart from it: it is written once, and its pages are free again soon.
CREATE TABLE event (
    notification INTEGER NOT NULL PRIMARY KEY REFERENCES notification (seq) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    payload BLOB NOT NULL                           -- encrypted
) STRICT;
CREATE INDEX event_expires ON event (expires_at);

CREATE TABLE attempt (
    place INTEGER NOT NULL PRIMARY KEY,             -- its notification's seq, and the epoch of its lease in the last 24 bits
    number INTEGER NOT NULL,
    began INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    report TEXT NOT NULL
) STRICT;

-- What a provider said later of a message that it had accepted.
CREATE TABLE receipt (
    tenant TEXT NOT NULL,
    notification BLOB NOT NULL,
    number INTEGER NOT NULL,
    status TEXT NOT NULL,
    provider_status TEXT,
    error_code TEXT,
    at INTEGER,                                     -- as the provider says; none where it does not
    received_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, notification, number),
    FOREIGN KEY (tenant, notification) REFERENCES notification (tenant, id) ON DELETE CASCADE
) STRICT;

-- Where a tenant is told what becomes of its notifications.
CREATE TABLE webhook (
    tenant TEXT NOT NULL PRIMARY KEY,
    url TEXT NOT NULL,
    on_settled INTEGER NOT NULL,
    on_receipt INTEGER NOT NULL,
    sealed BLOB NOT NULL,                           -- what signs, encrypted
    sealed_before BLOB,                             -- and what did before the last change
    changed_at INTEGER NOT NULL,
    failing_since INTEGER,
    failure TEXT,                                   -- why the latest one failed
    disabled_at INTEGER,
    next_at INTEGER                                 -- when there is something to be told; none where nothing waits
) STRICT;
CREATE INDEX webhook_due ON webhook (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE webhook_message (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    tenant TEXT NOT NULL REFERENCES webhook (tenant),
    notification BLOB NOT NULL,
    receipt INTEGER,                                -- which; none: it was settled
    made_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,            -- that have begun
    run_at INTEGER NOT NULL,
    FOREIGN KEY (tenant, notification) REFERENCES notification (tenant, id)
) STRICT;
CREATE INDEX webhook_message_due ON webhook_message (tenant, run_at);
CREATE INDEX webhook_message_of ON webhook_message (tenant, notification);

-- What a tenant says of itself.
CREATE TABLE settings (
    tenant TEXT NOT NULL PRIMARY KEY,
    settings TEXT NOT NULL                          -- JSON
) STRICT;

-- What a tenant is told of, beside its notifications. What is sent leaves nothing here.
CREATE TABLE log (
    seq INTEGER NOT NULL PRIMARY KEY,               -- in the order in which they came, and a thousand times the time or more
    tag INTEGER NOT NULL,                           -- random: no tenant can name an entry of another's
    tenant TEXT NOT NULL,
    at INTEGER NOT NULL,
    about TEXT NOT NULL CHECK (about = 'delivery' OR about = 'management'),
    place INTEGER NOT NULL,                         -- among those of its tenant about the same
    type TEXT NOT NULL,
    notification BLOB,
    text TEXT,                                      -- JSON; none: the store settled it, and nobody has said more yet
    UNIQUE (tenant, about, place)
) STRICT;
CREATE INDEX log_of_tenant ON log (tenant, seq);
CREATE INDEX log_to_explain ON log (tenant, notification) WHERE text IS NULL;

-- What runs, and what it was made from, by its content. What nothing names any more is removed.
CREATE TABLE artifact (
    tenant TEXT NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    component BLOB NOT NULL,
    PRIMARY KEY (tenant, digest)
) STRICT;

CREATE TABLE action (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    versions INTEGER NOT NULL DEFAULT 0,            -- that were made: a number is not used again
    deployed INTEGER,                               -- which of them; none: nothing runs
    deployed_revision INTEGER,                      -- of the draft, if that is what is deployed
    -- The draft.
    revision INTEGER NOT NULL DEFAULT 1,            -- counts its changes
    source BLOB NOT NULL,                           -- an artifact
    definition TEXT NOT NULL,                       -- what else it is to be made with
    build TEXT NOT NULL CHECK (build IN ('pending', 'building', 'built', 'failed')),
    build_at INTEGER NOT NULL,                      -- when it may be begun with, or is taken for abandoned
    builds INTEGER NOT NULL DEFAULT 0,              -- of this revision that have begun
    digest BLOB,                                    -- what was built, an artifact
    built_at INTEGER,
    told TEXT NOT NULL DEFAULT '[]',                -- why it failed, or what its owner should know
    deploy INTEGER NOT NULL DEFAULT 0,              -- whether it is to be deployed once it is built
    PRIMARY KEY (tenant, name),
    UNIQUE (tenant, id),
    CHECK ((build = 'built') = (digest IS NOT NULL)),
    CHECK ((build = 'built') = (built_at IS NOT NULL)),
    FOREIGN KEY (tenant, name, deployed) REFERENCES version (tenant, action, number) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX action_to_build ON action (build_at) WHERE build = 'pending' OR build = 'building' OR (build = 'built' AND deploy);

CREATE TABLE version (
    tenant TEXT NOT NULL,
    action TEXT NOT NULL,
    number INTEGER NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    source BLOB NOT NULL,
    definition TEXT NOT NULL,
    digest BLOB NOT NULL,
    built_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, action, number),
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, source) REFERENCES artifact (tenant, digest),
    FOREIGN KEY (tenant, digest) REFERENCES artifact (tenant, digest)
) STRICT;
CREATE INDEX version_of_source ON version (tenant, source);
CREATE INDEX version_of_digest ON version (tenant, digest);

-- Code that actions share. The row is what is worked on.
CREATE TABLE module (
    tenant TEXT NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    revision INTEGER NOT NULL DEFAULT 1,            -- counts its changes
    code TEXT NOT NULL,
    definition TEXT NOT NULL,                       -- what else there is to it
    same_as INTEGER,                                -- the number of the version that it is the same as
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, name)
) STRICT;

CREATE TABLE module_version (
    tenant TEXT NOT NULL,
    module BLOB NOT NULL,
    number INTEGER NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    code TEXT NOT NULL,
    definition TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, module, number),
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant, module) REFERENCES module (tenant, id) ON DELETE CASCADE
) STRICT;

-- The module's versions that a draft is to have, or that an action's version has.
CREATE TABLE module_use (
    tenant TEXT NOT NULL,
    holder BLOB NOT NULL CHECK (length(holder) = 16), -- an action's id, or a version's
    version BLOB NOT NULL,
    PRIMARY KEY (tenant, holder, version),
    FOREIGN KEY (tenant, version) REFERENCES module_version (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX module_use_of ON module_use (tenant, version);

-- The action that a tenant's notifications go to.
CREATE TABLE binding (
    tenant TEXT NOT NULL PRIMARY KEY,
    action TEXT NOT NULL,
    -- Of one that somebody made; none: it came about when the action was deployed.
    id BLOB CHECK (length(id) = 16),
    display_name TEXT,
    created_at INTEGER,
    updated_at INTEGER,
    FOREIGN KEY (tenant, action) REFERENCES action (tenant, name) ON UPDATE CASCADE ON DELETE CASCADE
) STRICT;

-- What runs has these.
CREATE TABLE secret (
    tenant TEXT NOT NULL,
    action TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (tenant, action, name)
) STRICT;

-- What a draft is to have once it is deployed, and what a version had when it was. The same of modules.
CREATE TABLE held_secret (
    tenant TEXT NOT NULL,
    holder BLOB NOT NULL CHECK (length(holder) = 16), -- an action's id or a module's, or one of a version of either
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (tenant, holder, name)
) STRICT;

-- Who delivers what a tenant sends: at most one for each.
CREATE TABLE phone_provider (
    tenant TEXT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    configuration TEXT,                             -- JSON, nothing secret in it
    sealed BLOB,                                    -- the credentials, encrypted
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- What is said, where it is not what phonebox says by itself.
CREATE TABLE phone_template (
    tenant TEXT NOT NULL,
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    sender TEXT,
    text TEXT NOT NULL,
    voice TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, type)
) STRICT;

CREATE TABLE api_key (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT,                                    -- none: the operator's
    scopes TEXT NOT NULL,
    hash BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX api_key_of_tenant ON api_key (tenant, created_at);

-- What signs tokens, which is the one that is not retired, and what did before.
CREATE TABLE signing_key (
    id TEXT NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL,
    retired_at INTEGER
) STRICT;
CREATE UNIQUE INDEX signing_key_one ON signing_key (retired_at IS NULL) WHERE retired_at IS NULL;

-- Something that only who has the right key can read.
CREATE TABLE mark (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    sealed BLOB NOT NULL
) STRICT;

-- The latest time that was told, so that a clock that goes back is noticed.
CREATE TABLE clock (
    only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    latest INTEGER NOT NULL
) STRICT;
INSERT INTO clock VALUES (1, 0);
