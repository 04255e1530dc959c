"""The shape of the definitions, mode by mode: what an operator sees, and what dashboards rely on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from fluxion_pipeline.contracts.clock import ZONE_NAME
from fluxion_pipeline.contracts.outcomes import Mode
from fluxion_pipeline.defs.build import Overrides, build_defs
from fluxion_pipeline.operations import instance
from fluxion_pipeline.operations.app import App
from fluxion_pipeline.settings import load
from fluxion_pipeline_tests.architecture.repository import ROOT

TABLES = {
    "catalogo": ["productos", "ubicaciones"],
    "inventario": ["inventario_actual", "inventario_historico", "inventario_cortes"],
    "ventas": ["ventas"],
}
OF_LOTES = {
    "lotes/inventario": ["lecturas_logradas", "ubicaciones_al_dia", "ubicaciones_conocidas"],
    "lotes/ventas": ["lecturas_logradas", "ubicaciones_conocidas"],
    "informes/cobertura": ["cobertura_30_dias", "cobertura_ayer", "recuperacion_al_dia"],
    "operacion/limpieza": ["disco"],
}
OF_SINK = {
    "productos": ["claves_unicas", "deriva", "lotes_pendientes"],
    "ubicaciones": ["claves_unicas"],
    "inventario_actual": ["claves_unicas", "codigos_conocidos", "deriva", "lotes_pendientes"],
    "inventario_historico": ["claves_unicas"],
    "inventario_cortes": ["claves_unicas"],
    "ventas": ["claves_unicas", "codigos_conocidos", "deriva", "lotes_pendientes"],
}
OF_PRIMARY = {
    "inventario_actual": ["filas_cuadran", "rechazos_usuales", "stock_negativo_usual", "ubicaciones_presentes"],
    "ventas": ["filas_cuadran", "rechazos_usuales", "ubicaciones_presentes"],
}

WARNINGS = """
import json, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import fluxion_pipeline.definitions
ours = [w for w in caught if w.category.__module__.startswith("dagster") or "fluxion_pipeline" in w.filename]
print(json.dumps([f"{w.category.__name__}: {w.message} ({w.filename})" for w in ours]))
"""


def definitions(mode: str, home: Path) -> dg.Definitions:
    return build_defs(load({"FLUXION_HOME": str(home), "DB_MODE": mode}))


@pytest.mark.parametrize("mode", ["duckdb", "dual", "postgresql"])
def test_the_assets_and_checks_of_a_mode_are_these(mode: str, tmp_path: Path) -> None:
    graph = definitions(mode, tmp_path).resolve_asset_graph()
    sinks = [s.value for s in Mode(mode).sinks]
    tables = [t for some in TABLES.values() for t in some]
    alone = {"informes/cobertura", "informes/cutover", "operacion/limpieza", "alertas"}
    made = {f"lotes/{g}" for g in TABLES} | {f"{s}/{t}" for s in sinks for t in tables} | alone
    assert {k.to_user_string() for k in graph.get_all_asset_keys()} == made

    expected = {f"{key}: {name}" for key, names in OF_LOTES.items() for name in names}
    expected |= {f"{s}/{t}: {name}" for s in sinks for t, names in OF_SINK.items() for name in names}
    expected |= {f"{sinks[0]}/{t}: {name}" for t, names in OF_PRIMARY.items() for name in names}
    expected |= {f"{sinks[-1]}/{t}: paridad" for t in tables} | {"alertas: entrega"}
    assert {f"{c.asset_key.to_user_string()}: {c.name}" for c in graph.asset_check_keys} == expected


@pytest.mark.parametrize("mode", ["duckdb", "dual", "postgresql"])
def test_the_jobs_and_schedules_are_these(mode: str, tmp_path: Path) -> None:
    repository = definitions(mode, tmp_path).get_repository_def()
    assert {j.name for j in repository.get_all_jobs() if not j.name.startswith("__")} == {"catalogo", "inventario", "ventas", "recuperacion", "limpieza"}
    found = {s.name: (s.job_name, s.cron_schedule, s.execution_timezone, s.default_status.value) for s in repository.schedule_defs}
    assert found == {
        "catalogo_programado": ("catalogo", "0 5 * * *", ZONE_NAME, "RUNNING"),
        "inventario_programado": ("inventario", "0,30 6-22 * * *", ZONE_NAME, "RUNNING"),
        "ventas_programado": ("ventas", "5 * * * *", ZONE_NAME, "RUNNING"),
        "limpieza_programado": ("limpieza", "15 2 * * *", ZONE_NAME, "RUNNING"),
        "recuperacion_programado": ("recuperacion", "0 3 * * *", ZONE_NAME, "RUNNING"),
    }
    assert {s.name: (s.minimum_interval_seconds, s.default_status.value) for s in repository.sensor_defs} == {"alertas": (30, "RUNNING")}


def test_the_sinks_of_a_fact_depend_on_its_lotes_and_never_on_each_other(tmp_path: Path) -> None:
    graph = definitions("dual", tmp_path).resolve_asset_graph()
    parents = {k.to_user_string(): {p.to_user_string() for p in graph.get(k).parent_keys} for k in graph.get_all_asset_keys()}
    alone = {"alertas": set(), "operacion/limpieza": set(), "informes/cutover": set(), "informes/cobertura": {"lotes/inventario", "lotes/ventas"}}
    assert parents == alone | {f"lotes/{g}": set() for g in TABLES} | {
        f"{s}/{t}": {f"lotes/{g}"} for s in ("duckdb", "postgresql") for g, ts in TABLES.items() for t in ts
    }


def test_every_asset_says_what_it_is_to_whom_it_belongs_and_of_what_kind(tmp_path: Path) -> None:
    graph = definitions("dual", tmp_path).resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description
        assert node.owners == ["team:datos"]
        assert node.group_name in {*TABLES, "informes", "operacion", "alertas"}
        assert key.path[0] in node.kinds or node.kinds in ({"parquet"}, {"html"}, {"sqlite"}, {"task"})


def test_what_a_schedule_makes_of_stores_is_overdue_when_its_tick_did_not_come(tmp_path: Path) -> None:
    graph = definitions("dual", tmp_path).resolve_asset_graph()
    policies = {key.to_user_string(): graph.get(key).freshness_policy for key in graph.get_all_asset_keys()}
    assert {name for name, policy in policies.items() if policy is None} == {"informes/cobertura", "informes/cutover", "operacion/limpieza", "alertas"}


def test_the_form_of_a_run_shows_each_field_with_what_it_means_and_a_default_that_reads_all(tmp_path: Path) -> None:
    found = definitions("duckdb", tmp_path)
    for job, fields in {"inventario": {"tick": ""}, "ventas": {"desde": "", "hasta": "", "recuperar": False}}.items():
        form = next(n for n in found.resolve_job_def(job).graph.node_defs if n.name == f"lotes__{job}").config_schema.config_type.fields
        assert {name: f.default_value for name, f in form.items()} == {"ubicaciones": [], "espera": 300.0, "aceptar": False, "forzar": False} | fields
        assert all(f.description for f in form.values())


def test_no_check_blocks_and_every_check_says_what_it_is_for(tmp_path: Path) -> None:
    graph = definitions("dual", tmp_path).resolve_asset_graph()
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    assert [s.name for s in specs if s.blocking or not s.description] == []


def test_definitions_load_in_every_mode_without_touching_anything(tmp_path: Path) -> None:
    for mode in ("duckdb", "dual", "postgresql"):
        dg.Definitions.validate_loadable(definitions(mode, tmp_path / "home"))
    assert not (tmp_path / "home").exists()


def test_a_caller_may_bring_its_own_app(tmp_path: Path) -> None:
    app = App(load({"FLUXION_HOME": str(tmp_path)}))
    managers = build_defs(app.settings, Overrides(app=app)).resources
    assert managers is not None
    assert managers["duckdb"].app is app
    assert managers["io_manager"] is managers["duckdb"]


def test_loading_the_definitions_warns_of_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "FLUXION_HOME": str(tmp_path), "DB_MODE": "dual"}
    done = subprocess.run([sys.executable, "-c", WARNINGS], env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_the_workspace_of_the_repository_is_the_one_that_fluxion_ui_writes() -> None:
    assert yaml.safe_load((ROOT / "workspace.yaml").read_text("utf-8")) == yaml.safe_load(instance.WORKSPACE)


def test_the_picture_of_the_coverage_is_renewed_with_the_sales_and_after_each_recovery(tmp_path: Path) -> None:
    found = definitions("dual", tmp_path)
    made = {job: {k.to_user_string() for k in found.resolve_job_def(job).asset_layer.executable_asset_keys} for job in ("ventas", "recuperacion", "inventario")}
    assert made["ventas"] == made["recuperacion"] == {"lotes/ventas", "duckdb/ventas", "postgresql/ventas", "informes/cobertura"}
    assert "informes/cobertura" not in made["inventario"]
