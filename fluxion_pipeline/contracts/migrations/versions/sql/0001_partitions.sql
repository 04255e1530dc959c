-- Makes the month partitions that rows of [desde, hasta] need and returns how many it made.
-- For a column of instants the months, and so the arguments, are UTC's.
-- A partition is made apart and then attached: CREATE … PARTITION OF would lock out everybody who reads
-- or writes the table, ATTACH lets them go on.
CREATE FUNCTION public.fluxion_asegurar_particiones(tabla text, desde date, hasta date) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    padre oid;
    zona text;
    faltan date[];
    vuelta integer;
    mes date;
    nombre text;
BEGIN
    IF desde IS NULL OR hasta IS NULL THEN
        RAISE EXCEPTION 'fluxion_asegurar_particiones(%): both dates are needed', tabla USING ERRCODE = 'null_value_not_allowed';
    END IF;
    SELECT c.oid, CASE a.atttypid WHEN 'timestamptz'::regtype THEN ' 00:00:00+00' ELSE '' END
      INTO padre, zona
      FROM pg_class c
      JOIN pg_partitioned_table p ON p.partrelid = c.oid AND p.partstrat = 'r'
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
     WHERE c.relnamespace = 'public'::regnamespace AND c.relname = tabla;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'public.% is not partitioned by month', tabla USING ERRCODE = 'wrong_object_type';
    END IF;
    -- Looked for without the lock first: mostly nothing is missing. What is, is looked for again under it.
    FOR vuelta IN 1..2 LOOP
        SELECT array_agg(m.dia ORDER BY m.dia)
          INTO faltan
          FROM (SELECT CAST(g AS date) AS dia
                  FROM generate_series(date_trunc('month', CAST(desde AS timestamp)), CAST(hasta AS timestamp), interval '1 month') AS g) AS m
         WHERE NOT EXISTS (SELECT 1
                             FROM pg_inherits i JOIN pg_class h ON h.oid = i.inhrelid
                            WHERE i.inhparent = padre AND h.relname = tabla || to_char(m.dia, '"_y"YYYY"m"MM'));
        IF faltan IS NULL THEN
            RETURN 0;
        END IF;
        IF vuelta = 1 THEN
            PERFORM pg_advisory_xact_lock(hashtextextended('fluxion_asegurar_particiones ' || tabla, 0));
        END IF;
    END LOOP;
    FOREACH mes IN ARRAY faltan LOOP
        nombre := tabla || to_char(mes, '"_y"YYYY"m"MM');
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', nombre, tabla);
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                       tabla, nombre, to_char(mes, 'YYYY-MM-DD') || zona, to_char(mes + interval '1 month', 'YYYY-MM-DD') || zona);
    END LOOP;
    RETURN cardinality(faltan);
END
$$
