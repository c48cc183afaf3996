-- A history of version 3, made from history-2.sql by the imagecli of 2026-11-30 and written with sqlite3's iterdump().
BEGIN TRANSACTION;
CREATE TABLE images (
    number INTEGER PRIMARY KEY,  -- in the order of recording
    id TEXT NOT NULL UNIQUE,
    request INTEGER NOT NULL REFERENCES requests ON DELETE CASCADE,
    position INTEGER NOT NULL,   -- within its request, from 0
    copy INTEGER NOT NULL,       -- further files of the same image, from 1
    path,                        -- absolute; BLOB if it is not valid Unicode; NULL if the image went to stdout
    original,                    -- the same for the image as it was received, if this one was converted
    sha256 TEXT NOT NULL,
    format TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    width INTEGER,
    height INTEGER,
    revised_prompt TEXT
);
INSERT INTO "images" VALUES(1,'z5h6tr',1,0,0,'/home/ada/pictures/cat.png',NULL,'917de284c41d1bdf76a7abd610fc43aad767fa86c3b4dd319bb92991d0c21229','png',120774,1024,1024,NULL);
INSERT INTO "images" VALUES(2,'8pkwcs',2,0,0,'/home/ada/pictures/night.png',NULL,'dd6214d77dd99cb7e31fd73f078d1b942719ab1fdd015b0f3c04781f48fdae72','png',164444,1024,1024,NULL);
INSERT INTO "images" VALUES(3,'qjhx9n',3,0,0,'/home/ada/pictures/other.png',NULL,'466387c51dd9e7cfcdf3743f1e73f0dd4c224e200feba5d3a56d995d04ad5227','png',246422,1024,1024,NULL);
CREATE TABLE inputs (
    request INTEGER NOT NULL REFERENCES requests ON DELETE CASCADE,
    position INTEGER NOT NULL,
    role TEXT NOT NULL,          -- image, mask or markup
    name TEXT NOT NULL,          -- as it was typed; - is stdin
    path,                        -- absolute, as in images; NULL for stdin
    sha256 TEXT,                 -- NULL if it is unknown
    parent INTEGER REFERENCES images ON DELETE SET NULL,
    PRIMARY KEY (request, position)
);
INSERT INTO "inputs" VALUES(2,0,'image','cat.png','/home/ada/pictures/cat.png','917de284c41d1bdf76a7abd610fc43aad767fa86c3b4dd319bb92991d0c21229',1);
INSERT INTO "inputs" VALUES(3,0,'image','night.png','/home/ada/pictures/night.png','dd6214d77dd99cb7e31fd73f078d1b942719ab1fdd015b0f3c04781f48fdae72',2);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    created TEXT NOT NULL,       -- UTC: 2026-11-30T04:36:27Z
    command TEXT NOT NULL,
    provider TEXT NOT NULL,
    base_url TEXT NOT NULL,      -- without user, password and query; empty if the provider runs in the process
    model TEXT NOT NULL,
    prompt TEXT,                 -- as it was sent
    template TEXT,               -- as it was typed, before variables were filled in
    variables TEXT NOT NULL,     -- JSON object
    options TEXT NOT NULL,       -- JSON object of request_options()
    manifest TEXT,               -- of a batch
    images INTEGER NOT NULL,     -- requested
    request_id TEXT,             -- the provider's
    usage TEXT,                  -- JSON object of the response
    estimated_usd REAL,
    estimated_max_usd REAL,
    cost_usd REAL                -- NULL if it is unknown
, operation TEXT NOT NULL DEFAULT 'generations', call_id TEXT);
INSERT INTO "requests" VALUES(1,'2026-11-30T05:20:48Z','generate','sandbox','','gpt-image-2','a cat in a hat','a {animal} in a hat','{"animal": "cat"}','{"size": "1024x1024", "quality": "low", "output_format": "png", "format_of_name": true}',NULL,1,'req_fc349270f06d53080e9cc4d682a98056','{"input_tokens": 9, "input_tokens_details": {"image_tokens": 0, "text_tokens": 9}, "output_tokens": 196, "total_tokens": 205, "output_tokens_details": {"image_tokens": 196, "text_tokens": 0}}',0.0,0.0,0.0,'generations',NULL);
INSERT INTO "requests" VALUES(2,'2026-11-30T05:20:52Z','edit','sandbox','','gpt-image-2','at night',NULL,'{}','{"output_format": "png", "format_of_name": true, "mask_rect": ["0,0,50%,50%"]}',NULL,1,'req_73c6d85badfe6eccd9853703e5977921','{"input_tokens": 2108, "input_tokens_details": {"image_tokens": 2100, "text_tokens": 8}, "output_tokens": 1756, "total_tokens": 3864, "output_tokens_details": {"image_tokens": 1756, "text_tokens": 0}}',0.0,0.0,0.0,'edits',NULL);
INSERT INTO "requests" VALUES(3,'2026-11-30T05:20:55Z','vary','sandbox','','dall-e-2',NULL,NULL,'{}','{}',NULL,1,'req_bbd9ec277b2a668ae51c32718ae643aa',NULL,0.0,0.0,0.0,'variations',NULL);
CREATE INDEX images_by_request ON images (request);
CREATE INDEX images_by_sha256 ON images (sha256);
CREATE INDEX inputs_by_parent ON inputs (parent);
CREATE INDEX requests_by_call ON requests (call_id) WHERE call_id IS NOT NULL;
COMMIT;
PRAGMA user_version = 3;
