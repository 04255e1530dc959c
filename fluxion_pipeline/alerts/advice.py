"""What each kind of problem is, means for the business, and what to do about it: in Spanish, for who is on duty.

``docs/operacion.md`` has the same list with more room; a test holds both in step.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    """Of one topic: what it is (``{sujeto}`` stands for the table, database or job), what it means, what to do."""

    what: str
    means: str
    do: str


ADVICE = {
    "paridad": Advice(
        "PostgreSQL y DuckDB no tienen las mismas filas en {sujeto}",
        "Un mismo reporte da cifras distintas según la base. No avance la migración ni tome decisiones con esa tabla hasta repararla.",
        "Vea qué filas difieren con «fluxion parity {tabla}»; repárelas con «fluxion repair {tabla} --from lote --apply».",
    ),
    "base": Advice(
        "{sujeto} no responde o no pudo escribirse",
        "Lo leído está a salvo en los lotes, pero esa base se queda atrás y sus reportes muestran datos viejos.",
        "«fluxion doctor» dice qué falla; cuando vuelva, «fluxion sync» la pone al día (la próxima corrida también lo hace).",
    ),
    "lotes_pendientes": Advice(
        "{sujeto} tiene lotes pendientes",
        "Esa base se quedó atrás: sus reportes muestran datos viejos. No se pierde nada, los lotes esperan.",
        "«fluxion sync» la pone al día; si no puede, «fluxion doctor» dice por qué.",
    ),
    "lecturas_logradas": Advice(
        "Sin lectura buena",
        "El stock y las ventas de esas ubicaciones son los últimos conocidos, no los de ahora: no reponga ni haga pedidos con ellos.",
        "Revise la red o el sistema de la tienda; luego «fluxion run inventario» y «fluxion run ventas» con «--ubicacion CODIGO». "
        "Las retenidas como «sospechoso» se aprueban con «fluxion accept».",
    ),
    "ubicaciones_presentes": Advice(
        "Faltan en el último corte",
        "Los totales de la cadena están incompletos: esas ubicaciones no cuentan en el último corte.",
        "Vea en «fluxion coverage» qué respondió cada una; cuando el archivo o el sistema esté, «fluxion run inventario --ubicacion CODIGO» "
        "(o «ventas»). Un stock que no se leyó a su hora no se puede recuperar; las ventas sí.",
    ),
    "ubicaciones_al_dia": Advice(
        "Llevan horas sin responder",
        "Su stock es el de hace horas: los pedidos y las transferencias se calculan con datos viejos.",
        "Llame a la tienda y revise su red y su servidor; cuando responda, «fluxion run inventario --ubicacion CODIGO».",
    ),
    "cobertura_ayer": Advice(
        "Faltan ventas de ayer",
        "Los reportes de ayer están incompletos.",
        "«fluxion coverage» muestra qué falta; «fluxion run recuperacion» lo vuelve a pedir.",
    ),
    "recuperacion_al_dia": Advice(
        "La recuperación nocturna no ha terminado",
        "Los días que quedaron abiertos no se cierran: puede faltar la última parte de sus ventas.",
        "Vea que el horario recuperacion_programado esté encendido, o corra «fluxion run recuperacion».",
    ),
    "ubicaciones_conocidas": Advice(
        "Llegaron datos de una ubicación desconocida ({sujeto})",
        "Esas ventas o ese stock están en cuarentena: no cuentan en ningún reporte.",
        "«fluxion quarantine list»; si es una tienda nueva, agréguela a ubicaciones.csv y luego «fluxion quarantine replay».",
    ),
    "claves_unicas": Advice(
        "Hay claves repetidas en {sujeto}",
        "Las sumas de esa tabla cuentan filas dos veces.",
        "«fluxion repair {tabla} --from lote --apply» la deja como dicen los lotes; averigüe quién escribió en la base por su cuenta.",
    ),
    "deriva": Advice(
        "Alguien cambió filas en {sujeto} por su cuenta",
        "El lote siguiente las dejó como deben estar; mientras tanto los reportes leyeron lo que esa persona o programa escribió.",
        "«fluxion status» y la muestra de la comprobación dicen qué; averigüe quién escribió en la base y quítele el permiso.",
    ),
    "codigos_conocidos": Advice(
        "Hay códigos sin maestro en {sujeto}",
        "Reportes por producto o por ubicación dejan fuera esas filas.",
        "«fluxion run catalogo» trae el maestro; si falta una ubicación, corrija ubicaciones.csv y corra «fluxion init».",
    ),
    "filas_cuadran": Advice(
        "No cuadran las filas leídas con las cargadas en {sujeto}",
        "No se puede asegurar que todo lo leído esté cargado, repetido, rechazado o retenido.",
        "Vea la muestra de la comprobación; «fluxion repair {tabla} --from lote --apply» y, si sigue, avise a datos.",
    ),
    "rechazos_usuales": Advice(
        "Más filas rechazadas de lo usual en {sujeto}",
        "Falta parte de los datos de esas ubicaciones: probablemente cambió la exportación de la tienda.",
        "Vea los motivos en la muestra y en la tabla «rechazos»; pida que corrijan la exportación y lea de nuevo.",
    ),
    "stock_negativo_usual": Advice(
        "Más stock negativo de lo usual",
        "Hay recepciones sin registrar: los pedidos sugeridos salen inflados.",
        "Pida a esas ubicaciones que registren sus recepciones; los datos están cargados tal como vinieron.",
    ),
    "corrida": Advice(
        "Falló la corrida «{sujeto}»",
        "Lo que esa corrida debía leer o comprobar quedó a medias; la próxima lo intenta de nuevo.",
        "Abra la corrida y lea su error; cuando esté resuelto, láncela otra vez desde la interfaz o con «fluxion run {sujeto}».",
    ),
    "horario": Advice(
        "No hubo corrida de «{sujeto}» a su hora",
        "Faltan cortes: el stock de esas horas no se puede recuperar; las ventas se leen en la próxima corrida.",
        "Vea que el servicio esté arriba («fluxion ui», o el servicio daemon) y que el horario esté encendido en Automation.",
    ),
    "disco": Advice(
        "El disco se llena",
        "Cuando se llene no se podrá leer ni escribir nada: el stock de esas horas no se puede recuperar.",
        "Vea en la comprobación qué crece; libere espacio o baje FLUXION_KEEP_LOTES y FLUXION_KEEP_RUNS, y corra «fluxion run limpieza».",
    ),
    "pausa": Advice(
        "Fluxion está en pausa",
        "No se lee ni se escribe nada: el stock de estas horas no se puede recuperar; las ventas se leen al reanudar.",
        "Si el trabajo terminó, «fluxion resume»; «fluxion status» dice quién pausó, cuándo y por qué.",
    ),
    "sin_correr": Advice(
        "Una comprobación no corrió: {sujeto}",
        "Nadie miró eso en la última corrida: puede estar bien o mal.",
        "Abra la corrida para ver por qué; puede correr la comprobación sola desde la interfaz.",
    ),
    "canal": Advice(
        "El canal de alertas «{sujeto}» no entrega",
        "Quien reciba alertas solo por ese canal no se entera de nada.",
        "Corrija su dirección en FLUXION_ALERT_URLS o el servicio que la atiende; pruebe con «fluxion alerts test».",
    ),
}
"""Topic → advice."""

OTHER = Advice(
    "Falló la comprobación {sujeto}",
    "Los datos de esa tabla pueden no ser confiables.",
    "Abra la comprobación y vea sus números y su muestra.",
)
"""Of checks that are not the pipeline's own."""


def advice(topic: str) -> Advice:
    """The advice on a topic."""
    return ADVICE.get(topic, OTHER)
