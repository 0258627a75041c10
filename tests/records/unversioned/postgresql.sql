CREATE TABLE public.captures (
    job text NOT NULL,
    run bigint NOT NULL,
    fingerprint bigint NOT NULL,
    url text NOT NULL,
    final_url text,
    hops text NOT NULL,
    found_on text,
    technique text,
    depth integer NOT NULL,
    status integer,
    outcome text NOT NULL,
    reason text,
    sha256 text,
    content_type text,
    disposition_name text,
    etag text,
    last_modified text,
    size bigint,
    started double precision,
    finished double precision,
    worker text NOT NULL,
    attempt integer NOT NULL,
    token text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.documents (
    sha256 text NOT NULL,
    size bigint NOT NULL,
    first_seen double precision NOT NULL,
    path text NOT NULL
);
CREATE TABLE public.inspections (
    sha256 text NOT NULL,
    status text NOT NULL,
    reason text,
    pages integer,
    title text,
    author text,
    subject text,
    keywords text,
    created text,
    modified text,
    creator text,
    producer text,
    pdf_version text,
    encrypted boolean,
    language text,
    tagged boolean,
    linearized boolean,
    content text,
    characters integer,
    links text,
    text text,
    thumbnail text,
    seconds double precision NOT NULL,
    inspected double precision NOT NULL
);
CREATE TABLE public.meta (
    key text NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.owners (
    job text NOT NULL,
    run bigint NOT NULL,
    sha256 text NOT NULL,
    fingerprint bigint NOT NULL
);
INSERT INTO public.captures VALUES ('default', 1700000000000, 1, 'http://a.test/1', NULL, '[[301, "http://a.test/0"]]', NULL, NULL, 0, 200, 'document', NULL, 'aa11000000000000000000000000000000000000000000000000000000000000', NULL, NULL, '"1"', NULL, 1000, 1700000000.5, 1700000001.5, 'w', 1, '0001:w');
INSERT INTO public.captures VALUES ('default', 1700000000000, 2, 'http://a.test/2', NULL, '[]', NULL, NULL, 0, 200, 'duplicate', NULL, 'aa11000000000000000000000000000000000000000000000000000000000000', NULL, NULL, NULL, NULL, 1000, 1700000000.5, 1700000001.5, 'w', 1, '0001:w');
INSERT INTO public.captures VALUES ('default', 1700000000000, 3, 'http://a.test/3', NULL, '[]', NULL, NULL, 0, 200, 'timeout', 'gone ‘away’', NULL, NULL, NULL, NULL, NULL, 1000, 1700000000.5, 1700000001.5, 'w', 1, '0001:w');
INSERT INTO public.documents VALUES ('aa11000000000000000000000000000000000000000000000000000000000000', 1000, 1700000001.5, 'aa/11/aa11000000000000000000000000000000000000000000000000000000000000.pdf');
INSERT INTO public.inspections VALUES ('aa11000000000000000000000000000000000000000000000000000000000000', 'ok', NULL, 3, 'A title', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL, '["http://b.test/"]', NULL, NULL, 0.5, 1700000002.5);
INSERT INTO public.meta VALUES ('database_id', '7d82822e74244cf1b8cc91a830715a3a');
INSERT INTO public.owners VALUES ('default', 1700000000000, 'aa11000000000000000000000000000000000000000000000000000000000000', 1);
ALTER TABLE ONLY public.captures
    ADD CONSTRAINT captures_pkey PRIMARY KEY (job, run, fingerprint);
ALTER TABLE ONLY public.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (sha256);
ALTER TABLE ONLY public.inspections
    ADD CONSTRAINT inspections_pkey PRIMARY KEY (sha256);
ALTER TABLE ONLY public.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.owners
    ADD CONSTRAINT owners_pkey PRIMARY KEY (job, run, sha256);
CREATE INDEX captures_job_outcome ON public.captures USING btree (job, outcome);
CREATE INDEX captures_sha256 ON public.captures USING btree (sha256);
