-- The stock of all locations, or of one, at an instant: per location the newest keyframe until then,
-- and for each key its newest row since. No parameter has the name of a column: it would capture it.
CREATE MACRO stock_en(instante) AS TABLE (
    WITH base AS (
        SELECT c.ubicacion_codigo, max(c.capturado_en) FILTER (WHERE c.es_clave) AS clave, max(c.capturado_en) AS corte
        FROM main.inventario_cortes AS c
        WHERE c.capturado_en <= CAST(instante AS TIMESTAMPTZ)
        GROUP BY c.ubicacion_codigo
    )
    SELECT u.ubicacion_codigo, u.almacen_codigo, u.producto_codigo, u.stock, u.precio, u.costo, u.corte AS capturado_en
    FROM (
        SELECT h.*, b.corte,
               row_number() OVER (PARTITION BY h.ubicacion_codigo, h.almacen_codigo, h.producto_codigo ORDER BY h.capturado_en DESC) AS puesto
        FROM main.inventario_historico AS h
        JOIN base AS b ON b.ubicacion_codigo = h.ubicacion_codigo AND h.capturado_en >= b.clave
        WHERE h.capturado_en <= CAST(instante AS TIMESTAMPTZ) AND h.capturado_en >= (SELECT min(base.clave) FROM base)
    ) AS u
    WHERE u.puesto = 1 AND u.movimiento <> 'baja'
), (instante, ubicacion) AS TABLE (
    WITH base AS (
        SELECT max(c.capturado_en) FILTER (WHERE c.es_clave) AS clave, max(c.capturado_en) AS corte
        FROM main.inventario_cortes AS c
        WHERE c.ubicacion_codigo = ubicacion AND c.capturado_en <= CAST(instante AS TIMESTAMPTZ)
    )
    SELECT u.ubicacion_codigo, u.almacen_codigo, u.producto_codigo, u.stock, u.precio, u.costo, (SELECT base.corte FROM base) AS capturado_en
    FROM (
        SELECT h.*, row_number() OVER (PARTITION BY h.almacen_codigo, h.producto_codigo ORDER BY h.capturado_en DESC) AS puesto
        FROM main.inventario_historico AS h
        WHERE h.ubicacion_codigo = ubicacion
          AND h.capturado_en <= CAST(instante AS TIMESTAMPTZ)
          AND h.capturado_en >= (SELECT base.clave FROM base)
    ) AS u
    WHERE u.puesto = 1 AND u.movimiento <> 'baja'
)
