-- The stock of one location at an instant: its newest keyframe until then, and for each key its newest
-- row since. Plain SQL without SET, so that the planner inlines it and sees the bounds: partitions
-- outside of them are not read.
CREATE FUNCTION public.stock_en(instante timestamptz, ubicacion text)
RETURNS TABLE (ubicacion_codigo text, almacen_codigo text, producto_codigo text, stock numeric, precio numeric, costo numeric, capturado_en timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 5000
AS $$
    SELECT u.ubicacion_codigo, u.almacen_codigo, u.producto_codigo, u.stock, u.precio, u.costo, t.ultimo
    FROM (
        SELECT max(c.capturado_en) AS ultimo FROM public.inventario_cortes AS c WHERE c.ubicacion_codigo = ubicacion AND c.capturado_en <= instante
    ) AS t
    CROSS JOIN (
        SELECT DISTINCT ON (h.producto_codigo, h.almacen_codigo) h.*
        FROM public.inventario_historico AS h
        WHERE h.ubicacion_codigo = ubicacion
          AND h.capturado_en <= instante
          AND h.capturado_en >= (
              SELECT max(k.capturado_en) FROM public.inventario_cortes AS k
              WHERE k.ubicacion_codigo = ubicacion AND k.es_clave AND k.capturado_en <= instante)
        ORDER BY h.producto_codigo, h.almacen_codigo, h.capturado_en DESC
    ) AS u
    WHERE u.movimiento <> 'baja'
$$
----
-- The stock of all locations: stores fail separately, so each goes back to a keyframe of its own, and
-- only as far as that.
CREATE FUNCTION public.stock_en(instante timestamptz)
RETURNS TABLE (ubicacion_codigo text, almacen_codigo text, producto_codigo text, stock numeric, precio numeric, costo numeric, capturado_en timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
AS $$
    SELECT s.ubicacion_codigo, s.almacen_codigo, s.producto_codigo, s.stock, s.precio, s.costo, s.capturado_en
    FROM (SELECT DISTINCT k.ubicacion_codigo AS codigo FROM public.inventario_cortes AS k WHERE k.es_clave AND k.capturado_en <= instante) AS l
    CROSS JOIN LATERAL public.stock_en(instante, l.codigo) AS s
$$
