"""What the engines need from their environment, as a user has it who installed them with access to the internet."""
from __future__ import annotations

from pathlib import Path

# Extensions of DuckDB that come as packages. A user gets them with `install`.
EXTENSIONS = ("httpfs", "iceberg", "avro")


def of_engine(engine: str, given: dict[str, str], work: Path, jars: Path) -> dict[str, str]:
    if engine in ("duckdb", "local"):
        return given | {"HOME": str(duckdb_home(work))}
    if engine == "spark":
        return given | {"SPARK_CONF_DIR": str(spark_settings(work, jars)), "SPARK_LOCAL_IP": "127.0.0.1"}
    return given | {"TZ": "UTC"}


def duckdb_home(work: Path) -> Path:
    """A home in which `install` finds that the extensions are there."""
    from importlib import import_module

    import duckdb

    (platform,) = duckdb.sql("pragma platform").fetchone() or ("",)
    place = work / "duckdb" / ".duckdb" / "extensions" / f"v{duckdb.__version__}" / str(platform)
    if not place.exists():
        place.mkdir(parents=True)
        for name in EXTENSIONS:
            package = Path(str(import_module(f"duckdb_extension_{name}").__file__)).parent
            (place / f"{name}.duckdb_extension").symlink_to(next(package.rglob(f"{name}.duckdb_extension")))
    return work / "duckdb"


def spark_settings(work: Path, jars: Path) -> Path:
    """A small Spark with the jars that `--packages` would fetch."""
    place = work / "spark"
    place.mkdir(exist_ok=True)
    settings = {
        "spark.driver.extraClassPath": f"{jars}/*", "spark.master": "local[2]", "spark.ui.enabled": "false", "spark.log.level": "ERROR",
        "spark.sql.shuffle.partitions": "2", "spark.driver.extraJavaOptions": "-Duser.timezone=UTC", "spark.driver.memory": "1g",
    }
    (place / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    return place
