-- A journal as version 1 wrote it: a row for each key.
BEGIN;
CREATE TABLE made (key TEXT PRIMARY KEY, value BLOB NOT NULL, metadata BLOB, adopted INTEGER NOT NULL, doubtful INTEGER NOT NULL, digest BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE wanted (key TEXT PRIMARY KEY, value BLOB NOT NULL, digest BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO wanted VALUES ('linux/interface/tap0', X'7b2264696374223a5b5b226d7475222c393030305d5d7d', X'1eceaa3b421d21a5c0252581f49154fb');
INSERT INTO wanted VALUES ('ü', X'6e756c6c', X'd3c31e73ef3677678419a471bb0a6452');
INSERT INTO made VALUES ('linux/interface/tap0', X'7b2264696374223a5b5b226d7475222c313530305d5d7d', X'37', 0, 1, X'8ba61a8aabaa9b441a2763d04be475bb');
INSERT INTO made VALUES ('linux/interface/eth0', X'5b5d', NULL, 1, 0, X'b7d86b688406727d774d19bdb05c97cd');
PRAGMA application_id = 1802924906;
PRAGMA user_version = 1;
COMMIT;
