-- The stock of one location at an instant: its newest keyframe until then, and for each key its newest
-- row since. Plain SQL without SET, so that the planner inlines it. The ticks are named one by one, since
-- tick and location lead the key; the bounds let it leave out partitions. Codes are compared as bytes, by
-- the rules of no language: what is the same code is so either way.
CREATE OR REPLACE FUNCTION public.stock_en(instante timestamptz, ubicacion text)
RETURNS TABLE (ubicacion_codigo text, almacen_codigo text, producto_codigo text, stock numeric, precio numeric, costo numeric, capturado_en timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 5000
AS $$
    SELECT u.ubicacion_codigo, u.almacen_codigo, u.producto_codigo, u.stock, u.precio, u.costo, t.ultimo
    FROM (
        SELECT max(c.capturado_en) AS ultimo FROM public.inventario_cortes AS c WHERE c.ubicacion_codigo = ubicacion AND c.capturado_en <= instante
    ) AS t
    CROSS JOIN (
        SELECT DISTINCT ON (h.producto_codigo COLLATE "C", h.almacen_codigo COLLATE "C") h.*
        FROM public.inventario_historico AS h
        WHERE h.ubicacion_codigo = ubicacion
          AND h.capturado_en = ANY (ARRAY(
              SELECT c.capturado_en FROM public.inventario_cortes AS c
              WHERE c.ubicacion_codigo = ubicacion AND c.capturado_en <= instante
                AND c.capturado_en >= (
                    SELECT max(k.capturado_en) FROM public.inventario_cortes AS k
                    WHERE k.ubicacion_codigo = ubicacion AND k.es_clave AND k.capturado_en <= instante)))
          AND h.capturado_en <= instante
          AND h.capturado_en >= (
              SELECT max(k.capturado_en) FROM public.inventario_cortes AS k
              WHERE k.ubicacion_codigo = ubicacion AND k.es_clave AND k.capturado_en <= instante)
        ORDER BY h.producto_codigo COLLATE "C", h.almacen_codigo COLLATE "C", h.capturado_en DESC
    ) AS u
    WHERE u.movimiento <> 'baja'
$$
